"""What a model is asked for, down to its latents: truncation, seeds, ways, restarts, steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.latent.interpolation import slerp
from ganvas.latent.interpolation import square as grid
from ganvas.model import Model
from ganvas.model.trained import block_seed
from ganvas.play import Noise
from tests.model.conftest import saved


@pytest.fixture
def points(tmp_path: Path) -> Model:
    return saved(tmp_path, "points")


def shown(model: Model, z: torch.Tensor) -> np.ndarray:
    return model.domain.decode(model.game.sample(z, None))  # pyright: ignore


def test_ways_and_squares_are_truncated(points: Model) -> None:
    ends = [points.sample(1, seed=seed, truncation=0.3).x[0] for seed in (3, 4, 5, 6)]
    way = points.interpolate(3, 4, steps=4, truncation=0.3)
    np.testing.assert_allclose(way[[0, -1]], ends[:2], atol=1e-5)
    corners = points.square([3, 4, 5, 6], side=3, truncation=0.3)[[0, 2, 6, 8]]
    np.testing.assert_allclose(corners, ends, atol=1e-5)


@pytest.mark.parametrize("how", ["lerp", "slerp"])
def test_ways_and_squares_go_as_they_are_told(points: Model, how: str) -> None:
    z = torch.cat([points.latents(1, seed)[0] for seed in (3, 4, 5, 6)])
    middle = (z[0] + z[1]) / 2 if how == "lerp" else slerp(z[0], z[1], 0.5)
    way = points.interpolate(3, 4, steps=3, how=how)
    np.testing.assert_allclose(way[1:2], shown(points, middle[None]), atol=1e-5)
    wanted = shown(points, grid(z, 3, how))
    np.testing.assert_allclose(points.square([3, 4, 5, 6], 3, how), wanted, atol=1e-5)


def test_a_search_begins_at_as_many_latents_of_its_seed_as_it_is_told(points: Model) -> None:
    """Without a step it returns the best of its starts."""
    x = points.sample(5, seed=8).x
    target = points.domain.encode(x)
    for seed, restarts in ((0, 1), (0, 3), (2, 3)):
        noise = Noise(block_seed(seed, 0))
        starts = torch.stack([points.game.prior(5, noise) for _ in range(restarts)])  # pyright: ignore
        errors = torch.stack(
            [(points.game.sample(z, None) - target).square().mean(1) for z in starts]  # pyright: ignore
        )
        found, error = points.project(x, restarts=restarts, steps=0, seed=seed)
        np.testing.assert_allclose(error, errors.min(0).values, rtol=1e-5)
        best = starts[errors.argmin(0), torch.arange(5)]
        np.testing.assert_allclose(found, shown(points, best), atol=1e-5)
    one, many = (points.project(x, restarts=1, steps=n)[1] for n in (1, 60))
    assert (many < one).all()
