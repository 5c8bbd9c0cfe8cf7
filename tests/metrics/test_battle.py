"""Battles of two models by their critics."""

from __future__ import annotations

import numpy as np
import pytest

from ganvas.metrics.battle import Critic, battle, fairness, taken_for_real, threshold


def test_the_threshold_makes_the_fewest_errors():
    assert 1 < threshold(np.array([2.0, 3.0]), np.array([0.0, 1.0])) < 2
    real, fake = np.array([0.0, 2.0, 3.0, 4.0]), np.array([-1.0, 1.0])
    cut = threshold(real, fake)
    errors = [(real <= c).mean() + (fake > c).mean() for c in np.linspace(-2, 5, 701)]
    assert (real <= cut).mean() + (fake > cut).mean() == pytest.approx(min(errors))


def test_scores_of_both_sides_multiply_to_one_and_twins_draw():
    rng = np.random.default_rng(0)
    a = Critic(rng.normal(1, 1, 2000), rng.normal(0, 1, 2000), rng.normal(-0.5, 1, 2000))
    b = Critic(rng.normal(5, 3, 2000), rng.normal(1, 3, 2000), rng.normal(4, 3, 2000))
    assert battle(a, b) * battle(b, a) == pytest.approx(1)
    assert battle(a, b) > 1  # B's critic is fooled by A: 4 is nearer to its real 5
    twin = Critic(rng.normal(1, 1, 20000), rng.normal(0, 1, 20000), rng.normal(0, 1, 20000))
    other = Critic(rng.normal(1, 1, 20000), rng.normal(0, 1, 20000), rng.normal(0, 1, 20000))
    assert battle(twin, other) == pytest.approx(1, abs=0.1)
    assert fairness(twin, other) == pytest.approx(1, abs=0.1)


def test_scale_and_shift_of_a_critic_change_nothing():
    rng = np.random.default_rng(1)
    parts = [rng.normal(m, 1, 500) for m in (1, 0, 0.5)]
    moved = Critic(*(3 * part - 7 for part in parts))
    assert taken_for_real(Critic(*parts)) == taken_for_real(moved)


def test_nobody_fooled_is_a_draw_or_a_victory():
    real, fake = np.array([1.0]), np.array([0.0])
    strict = Critic(real, fake, np.array([-1.0]))
    fooled = Critic(real, fake, np.array([2.0]))
    assert battle(strict, strict) == 1
    assert battle(strict, fooled) == float("inf")
    assert battle(fooled, strict) == 0
