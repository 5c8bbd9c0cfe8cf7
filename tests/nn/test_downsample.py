"""Layers that make maps smaller are what they are said to be."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ganvas.nn import AveragedConv2d, downsample_average, lipschitz, spectral_norm


def test_a_convolution_and_means_at_once_are_one_after_the_other() -> None:
    torch.manual_seed(0)
    layer = spectral_norm(AveragedConv2d(3, 5)).double().eval()
    x = torch.randn(2, 3, 6, 10, dtype=torch.double, requires_grad=True)
    apart = downsample_average(F.conv2d(x, layer.weight, layer.bias, padding=1))
    torch.testing.assert_close(layer(x), apart)
    weight = layer.parametrizations.weight.original
    for one, other in zip(
        torch.autograd.grad(layer(x).square().sum(), [x, weight]),
        torch.autograd.grad(apart.square().sum(), [x, weight]),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_no_maps_are_stretched_by_more_than_the_bound() -> None:
    torch.manual_seed(0)
    layer = AveragedConv2d(2, 4).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.double)
    slopes = torch.autograd.functional.jacobian(lambda a: layer(a).flatten(), x).reshape(16, 32)
    found = torch.linalg.svdvals(slopes).max().item()
    assert 0.25 * lipschitz(layer) < found <= lipschitz(layer)
