"""Gradients of what a network gives by its input."""

from __future__ import annotations

import torch
from torch import nn

from ganvas.nn import gradient_map


def test_a_strided_convolution_of_ones_shows_how_often_it_looks_at_each_place() -> None:
    """Kernel 3, stride 2: 1, 2, 1, 2 along a side; of stride 1 the same everywhere."""
    for stride, wanted in ((2, [1, 2, 1, 2, 1]), (1, [3] * 5)):
        conv = nn.Conv1d(1, 1, 3, stride, bias=False)
        nn.init.ones_(conv.weight)
        found = gradient_map(conv, torch.randn(2, 1, 17))[0, 0]
        begin = 3 if stride == 2 else 4
        assert found[begin : begin + 5].tolist() == wanted


def test_each_item_has_the_gradient_of_its_own_number_also_in_inference_mode() -> None:
    x, w = torch.randn(3, 4), torch.randn(4)
    with torch.inference_mode():
        found = gradient_map(lambda x: (x * w).sum(1).square(), x.clone())
    torch.testing.assert_close(found, 2 * (x @ w)[:, None] * w)
    assert not found.requires_grad
