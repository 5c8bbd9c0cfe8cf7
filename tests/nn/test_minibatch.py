"""Minibatch discrimination and deviation: closed forms, symmetry, both derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor

from ganvas.nn import MinibatchDeviation, MinibatchDiscrimination, minibatch


def by_hand(layer: MinibatchDiscrimination, h: Tensor) -> Tensor:
    """Return o by the formula of Salimans et al., sample by sample, without the term j = i."""
    m = torch.einsum("nf,fbc->nbc", h, layer.table)
    rows = []
    for i in range(len(h)):
        others = [torch.exp(-(m[i] - m[j]).abs().sum(1)) for j in range(len(h)) if j != i]
        rows.append(torch.stack(others).sum(0))
    return torch.stack(rows)


def test_discrimination_equals_the_formula() -> None:
    layer, h = MinibatchDiscrimination(6, 19, 3, scale=0.5), torch.randn(7, 6)
    torch.testing.assert_close(layer(h), by_hand(layer, h), atol=1e-5, rtol=1e-5)


def test_identical_and_far_batches() -> None:
    layer = MinibatchDiscrimination(6, 4)
    assert layer(torch.randn(1, 6).expand(9, 6)).allclose(torch.tensor(8.0))  # n − 1
    far = 1e4 * torch.eye(6)
    assert layer(far).abs().max() < 1e-6


def test_discrimination_follows_permutations_and_depends_on_the_batch() -> None:
    layer, h = MinibatchDiscrimination(6, 4, scale=0.5), torch.randn(8, 6)
    order = torch.randperm(8)
    torch.testing.assert_close(layer(h[order]), layer(h)[order])
    assert not torch.allclose(layer(h[:4]), layer(h)[:4])


def test_discrimination_has_both_derivatives() -> None:
    layer = MinibatchDiscrimination(5, 3, 2, scale=1.0).double()
    h = torch.randn(4, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (h,))
    assert torch.autograd.gradgradcheck(layer, (h,))


@pytest.mark.parametrize("average", [True, False])
def test_deviation_by_hand(average: bool) -> None:
    h = torch.randn(8, 5)
    seen = MinibatchDeviation(5, size=4, average=average)(h)
    for i in range(8):
        group = h[i % 2 :: 2]  # places that differ by 8/4
        wanted = (group.var(0, correction=0) + 1e-8).sqrt()
        torch.testing.assert_close(seen[i], wanted.mean()[None] if average else wanted)


def test_deviation_of_zero_and_two_is_one_and_of_equal_samples_the_root_of_epsilon() -> None:
    layer = MinibatchDeviation(3, size=2)
    assert layer(torch.tensor([[0.0] * 3, [2.0] * 3])).allclose(torch.ones(2, 1))
    assert layer(torch.ones(4, 3)).allclose(torch.full((4, 1), 1e-4))


def test_a_batch_that_the_group_does_not_divide_is_one_group() -> None:
    h = torch.randn(7, 3)
    wanted = (h.var(0, correction=0) + 1e-8).sqrt().mean()
    assert MinibatchDeviation(3, size=4)(h).allclose(wanted)
    assert MinibatchDeviation(3)(h[:1]).isfinite().all()


@pytest.mark.parametrize("cached", [1, 200, 100_000])
def test_the_derivative_written_out_is_that_of_the_formula(
    cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pass after the other, several kernels at once, all at once; copies have no slope."""
    monkeypatch.setattr(minibatch, "CACHED", cached)
    layer = MinibatchDiscrimination(6, 5, 3, scale=0.5)
    h = torch.randn(9, 6)
    h[4] = h[2]
    h.requires_grad_()
    weights = torch.randn(9, 5)
    leaves = (h, layer.table)
    found = torch.autograd.grad((layer(h) * weights).sum(), leaves)
    wanted = torch.autograd.grad((by_hand(layer, h) * weights).sum(), leaves)
    differentiable = torch.autograd.grad((layer(h) * weights).sum(), leaves, create_graph=True)
    for quick, true, slow in zip(found, wanted, differentiable, strict=True):
        torch.testing.assert_close(quick, true, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(slow, true, atol=1e-5, rtol=1e-5)


def test_a_share_of_the_batch_against_all_of_it() -> None:
    """What each of two processes computes: its rows against everybody's, both derivatives."""
    mine = torch.randn(3, 2, 4, dtype=torch.double, requires_grad=True)
    every = torch.randn(3, 2, 7, dtype=torch.double, requires_grad=True)
    nearness = cast(Callable[..., Tensor], minibatch._Nearness.apply)
    gaps = (mine.unsqueeze(3) - every.unsqueeze(2)).abs().sum(1)
    torch.testing.assert_close(nearness(mine, every), torch.exp(-gaps).sum(2))
    assert torch.autograd.gradcheck(nearness, (mine, every))
    assert torch.autograd.gradgradcheck(nearness, (mine, every))
