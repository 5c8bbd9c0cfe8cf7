"""Directions without labels: eigenvectors of weights, components of codes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.factorised import closed_form, components


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_map_changes_most_along_its_first_direction() -> None:
    matrix = normal(20, 6).double()
    middle = normal(6, seed=3)
    found = closed_form([matrix[:12], matrix[12:]], 6, middle)
    vectors = torch.stack([d.vector for d in found.directions]).double()
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(6).double(), rtol=0, atol=1e-6)
    lengths = (matrix @ vectors.T).square().sum(0)
    assert (lengths.diff() <= 0).all()
    torch.testing.assert_close(lengths / lengths.sum(), found.weights, rtol=1e-5, atol=1e-6)
    others = torch.nn.functional.normalize(normal(200, 6, seed=1).double(), dim=1)
    assert ((matrix @ others.T).square().sum(0) <= lengths[0] + 1e-9).all()
    for direction in found.directions:
        assert float(direction.distances(middle[None])) == pytest.approx(0, abs=1e-6)
        assert float(direction.vector[direction.vector.abs().argmax()]) > 0
    with pytest.raises(UsageError, match="1 to 6 such directions, not 7"):
        closed_form([matrix], 7)


def test_components_are_the_axes_of_codes() -> None:
    axes = torch.linalg.qr(normal(5, 5).double())[0]
    codes = normal(4000, 5, seed=1).double() * torch.tensor([5.0, 3, 2, 1, 0.5]) @ axes.T + 7
    found = components(codes, 3)
    for number, direction in enumerate(found.directions):
        assert abs(float(direction.vector.double() @ axes[:, number])) > 0.99
        assert float(direction.distances(codes).mean()) == pytest.approx(0, abs=1e-5)
    variances = torch.tensor([25.0, 9, 4, 1, 0.25]).double()
    torch.testing.assert_close(found.weights, (variances / variances.sum())[:3], rtol=0, atol=0.02)


def test_latents_are_told_by_what_a_layer_makes_of_them() -> None:
    """Of a linear layer: its own singular vectors, although the latents have no axes."""
    z, matrix = normal(40_000, 4).double(), normal(30, 4, seed=2).double()
    found = components(z, 4, seen=z @ matrix.T)
    expected = closed_form([matrix], 4)
    for one, other in zip(found.directions, expected.directions, strict=True):
        assert abs(float(one.vector @ other.vector)) > 0.99
    maps = components(z.view(-1, 2, 2), 2, seen=z @ matrix.T)
    assert maps.directions[0].vector.shape == (2, 2)
