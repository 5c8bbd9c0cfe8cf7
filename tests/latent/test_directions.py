"""Directions: planes half-way between means, exact sums, distances."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.directions import Direction, between, neighbours, total


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_minus_b_plus_b_is_a_exactly():
    scales = 10.0 ** torch.arange(-9, 10)
    for seed in range(20):  # up to 18 orders of magnitude apart: doubles alone would round, too
        a, b = normal(2, 19, seed=seed) * torch.stack([scales, scales.flip(0)])
        assert torch.equal(total([(1, a[None]), (-1, b[None]), (1, b[None])]), a)


def test_means_of_several_exemplars_are_added_up():
    a, b, c = normal(3, 5, seed=1), normal(4, 5, seed=2), normal(2, 5, seed=3)
    wanted = a.mean(0) - b.mean(0) + c.mean(0)
    torch.testing.assert_close(total([(1, a), (-1, b), (1, c)]), wanted)
    maps = [(1, normal(2, 3, 4, 4))]
    assert total(maps).shape == (3, 4, 4)
    with pytest.raises(UsageError, match="groups of one or more"):
        total([])


def test_the_plane_is_half_way_between_the_means():
    plus, minus = normal(3, 8, seed=1) + 1, normal(4, 8, seed=2) - 1
    direction = between(plus, minus)
    torch.testing.assert_close(direction.vector, plus.mean(0) - minus.mean(0))
    near, far = (direction.distances(g.mean(0)[None]).item() for g in (plus, minus))
    assert near == pytest.approx(direction.length / 2, rel=1e-6)
    assert far == pytest.approx(-near, rel=1e-6)
    # amount 1 is the whole way from one mean to the other
    torch.testing.assert_close(direction.moved(minus.mean(0), 1), plus.mean(0))
    with pytest.raises(UsageError, match="means of both groups of latents are equal"):
        between(plus, plus)


def test_moving_by_nothing_changes_nothing_and_by_α_the_distance_by_α_times_the_length():
    direction, z = Direction(normal(8, seed=4), 0.7), normal(5, 8)
    assert torch.equal(direction.moved(z, 0), z)
    moved = direction.distances(direction.moved(z, 1.5)) - direction.distances(z)
    torch.testing.assert_close(moved, torch.full_like(moved, 1.5 * direction.length))
    unit = Direction(direction.vector / direction.length, 0.3)
    shift = unit.distances(unit.moved(z, 2)) - unit.distances(z)
    torch.testing.assert_close(shift, torch.full_like(shift, 2.0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(8,), (3, 2, 2)])
def test_latents_brought_to_a_distance_are_there(shape: tuple[int, ...]):
    direction, z = Direction(3 * normal(*shape, seed=5), -1.2), normal(6, *shape)
    brought = direction.brought(z, -3)
    torch.testing.assert_close(direction.distances(brought), torch.full((6,), -3.0).double())
    # only along the vector
    apart = (brought - z).flatten(1) / direction.vector.flatten()
    torch.testing.assert_close(apart, apart[:, :1].expand_as(apart), rtol=1e-3, atol=1e-4)


def test_neighbours_differ_by_at_most_the_spread_in_every_number():
    z = normal(50)
    near = neighbours(z, 200, 0.25, torch.Generator().manual_seed(1))
    offsets = near - z
    assert offsets.abs().max() <= 0.25 + 1e-6
    assert offsets.abs().max() > 0.24
    assert offsets.var() == pytest.approx(0.25**2 / 3, rel=0.05)
