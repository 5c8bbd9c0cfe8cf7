"""A critic trained between two sets: what it measures, and what it only knows by heart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.api.distances import Estimate, between, distance, train_to_optimality
from ganvas.errors import UsageError
from ganvas.recipes import Recipe, load_recipe
from tests.games.tables import play

SMALL = (
    "game.discriminator={kind: mlp, widths: [32], activation: relu}",
    "game.discriminator_optimiser.lr={start: 0.02, end: 1e-3}",
    "game.generator={kind: mlp, widths: [2]}",
    "train.batch=64",
)


def small(*changes: str, name: str = "wgan-gp/points") -> Recipe:
    return load_recipe(name, [*SMALL, *changes])


def clouds(n: int, apart: float, dim: int = 2, seed: int = 0) -> list[np.ndarray]:
    """Return two standard normal clouds (n, dim), whose W₁ is the distance of their means."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n, dim)).astype(np.float32)
    y[:, 0] += apart
    return [x, y]


@pytest.fixture(scope="module")
def found() -> Estimate:
    return between(*clouds(1000, 3.0), small(), steps=150)


def test_estimate_of_two_gaussians_is_the_distance_of_their_means(found: Estimate) -> None:
    assert found.value == pytest.approx(3.0, rel=0.08)
    assert found.exact == pytest.approx(3.0, rel=0.08)
    # The penalised optimum has slope 1 + Δ/(2λ), Δ in units of the pooled deviation √(17/8).
    assert found.slope == pytest.approx(1 + 3.0 / 1.46 / (2 * 10), rel=0.1)
    assert len(found.curve) == 150
    assert abs(found.curve[-1]) > abs(found.curve[0])


def test_estimates_are_in_data_units_whatever_they_are(found: Estimate) -> None:
    x, y = clouds(1000, 3.0)
    wide = between(100 * x + 7, 100 * y + 7, small(), steps=150)
    assert wide.value == pytest.approx(100 * found.value, rel=1e-3)
    assert wide.exact == pytest.approx(100 * found.exact, rel=1e-5)


def test_a_clipped_critic_measures_up_to_its_slope() -> None:
    told = ["game.warm_up.rounds=0", "game.discriminator_optimiser.lr=0.01"]
    recipe = small(*told, "game.constraint.bound=0.1", name="wgan/points")
    found = between(*clouds(1000, 3.0), recipe, steps=100)
    assert all(p.abs().max() <= 0.1 for p in found.critic.discriminator.parameters())
    assert found.value == pytest.approx(3.0, rel=0.15)


def test_few_items_are_known_by_heart_the_longer_the_better() -> None:
    # Two sets of one law in 20 dimensions: whatever a critic finds between them is memory.
    def gap(n: int, steps: int) -> float:
        found = between(*clouds(n, 0.0, dim=20), small(), steps=steps)
        return found.train - found.held_out

    assert gap(60, 10) + 0.2 < gap(60, 120)
    assert gap(600, 120) < 0.5 * gap(60, 120)


@pytest.mark.parametrize("change", ["game.penalty_every=2", "game.accumulate=2"])
def test_penalties_that_are_lazy_and_parts_of_batches_count_as_in_training(change: str) -> None:
    changes = ("game.penalties.gradient.weight=30", change)
    steep = between(*clouds(400, 3.0), small("game.penalties.gradient.weight=0.001"), steps=150)
    found = between(*clouds(400, 3.0), small(*changes), steps=150)
    assert steep.slope > 2
    assert found.slope == pytest.approx(1, rel=0.15)


def test_the_frozen_generator_is_left_alone() -> None:
    game, _, _ = play("wgan", "ring8")
    before = [p.clone() for p in game.generator.parameters()]
    x, y = torch.randn(2, 64, 2)
    values = train_to_optimality(game, x, y + 1, steps=5, batch=16)
    assert len(values) == 5
    assert all(map(torch.equal, before, game.generator.parameters()))
    assert all(p.grad is None for p in game.generator.parameters())


def test_sets_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "plane.npy", clouds(9, 1.0)[0])
    np.save(tmp_path / "space.npy", clouds(9, 1.0, dim=3)[0])
    with pytest.raises(UsageError, match="items of one shape are compared"):
        distance(tmp_path / "plane.npy", tmp_path / "space.npy", steps=1)
    with pytest.raises(UsageError, match="too small to be halved"):
        between(np.zeros((3, 2)), np.ones((9, 2)), small(), steps=1)
    with pytest.raises(UsageError, match="no discriminator of its own"):
        between(np.zeros((9, 8, 8, 1)), np.ones((9, 8, 8, 1)), load_recipe("svae/images"), steps=1)


def test_images_are_compared_too() -> None:
    rng = np.random.default_rng(0)
    dark, light = (rng.integers(low, low + 99, (40, 8, 8, 1)).astype(np.uint8) for low in (0, 150))
    recipe = load_recipe(
        "wgan-gp/images",
        [
            "game.generator={kind: mlp, widths: [2]}",
            "game.discriminator={kind: mlp, widths: [8], activation: relu}",
            "train.batch=16",
        ],
    )
    found = between(light, dark, recipe, steps=5)
    assert found.exact is None
    assert found.held_out > 0
