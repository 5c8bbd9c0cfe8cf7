"""Singular values of weights by power iteration, their clamp, and orthogonal rows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganvas.nn import clamp_largest_, largest, off_diagonal, raw_matrices, sn, top_singular


@pytest.mark.parametrize("shape", [(64, 40), (30, 90), (200, 20), (7, 3), (1, 5)])
def test_the_three_largest_singular_values_are_those_of_the_decomposition(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = top_singular(matrix)
    exact = torch.linalg.svdvals(matrix)[:3]
    torch.testing.assert_close(found.values, exact, rtol=0.01, atol=0)
    torch.testing.assert_close(found.left.T @ found.left, torch.eye(len(exact)), atol=1e-4, rtol=0)
    assert torch.equal(top_singular(matrix).left, found.left)  # the same start each time


def test_a_gap_between_values_is_found_to_the_last_digits() -> None:
    u, v = (torch.linalg.qr(torch.randn(n, 40)).Q for n in (80, 60))
    values = torch.cat([torch.tensor([9.0, 5.0, 3.0]), torch.linspace(1, 0.1, 37)])
    found = top_singular(u @ values.diag() @ v.T)
    torch.testing.assert_close(found.values, values[:3])
    torch.testing.assert_close((found.left[:, 0] @ u[:, 0]).abs(), torch.tensor(1.0))


def test_the_largest_value_has_the_gradient_of_its_triplet() -> None:
    matrix = torch.randn(6, 9).double().requires_grad_()
    at = top_singular(matrix)
    (slope,) = torch.autograd.grad(largest(matrix, at), matrix)
    (exact,) = torch.autograd.grad(torch.linalg.svdvals(matrix).max(), matrix)
    torch.testing.assert_close(slope, exact)


def test_the_clamp_brings_the_largest_value_down_and_leaves_the_others() -> None:
    layers = [nn.Conv2d(3, 8, 3), sn(nn.Linear(12, 6)), nn.ConvTranspose2d(4, 5, 2)]
    for layer in layers:
        ((_, before),) = raw_matrices(layer)
        before = torch.linalg.svdvals(before.detach().clone())
        limit = float(before[:2].mean())
        clamp_largest_(layer, limit)
        ((_, after),) = raw_matrices(layer)
        wanted = torch.cat([torch.tensor([limit]), before[1:]])
        torch.testing.assert_close(torch.linalg.svdvals(after.detach()), wanted)
        clamp_largest_(layer, limit * 1.01)  # nothing to do
        torch.testing.assert_close(torch.linalg.svdvals(after.detach()), wanted)


def test_the_clamp_reaches_weights_whose_channels_lie_last() -> None:
    layer = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    clamp_largest_(layer, 0.1)
    ((_, after),) = raw_matrices(layer)
    assert torch.linalg.svdvals(after.detach())[0] < 0.9


@pytest.mark.parametrize("shape", [(5, 12), (12, 5), (4, 4)])
def test_off_diagonal_regularisation_has_the_gradient_with_factor_four(
    shape: tuple[int, int],
) -> None:
    weight = torch.randn(shape).double().requires_grad_()
    value = off_diagonal(weight)
    (slope,) = torch.autograd.grad(value, weight)
    with torch.no_grad():
        gram = weight @ weight.T
        gram -= gram.diagonal().diag()
        torch.testing.assert_close(value.detach(), gram.square().sum())
        torch.testing.assert_close(slope, 4 * gram @ weight)


def test_orthogonal_rows_of_any_norm_cost_nothing_and_cross_terms_grow_with_the_square() -> None:
    rows = torch.linalg.qr(torch.randn(9, 5)).Q.T * torch.tensor(
        [[1.0], [3.0], [0.1], [2.0], [7.0]]
    )
    assert off_diagonal(rows).item() == pytest.approx(0, abs=1e-6)
    pair = torch.randn(2, 6).double()
    once = off_diagonal(pair)
    pair[1] *= 3
    torch.testing.assert_close(off_diagonal(pair), 9 * once)


def test_raw_weights_are_those_before_normalisation_and_one_layer_is_spared() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Embedding(5, 2))
    weight = network[0].weight.detach().clone()
    sn(network[0])
    with torch.no_grad():
        network[0].parametrizations.weight.original.mul_(5)
    ((name, matrix),) = raw_matrices(network, network[1])
    assert name == "0"
    torch.testing.assert_close(matrix, 5 * weight)
