"""Correlation of angles: invariances, and independence."""

from __future__ import annotations

import numpy as np
import pytest

from ganvas.data.laws import HiddenCircle, law
from ganvas.errors import UsageError
from ganvas.metrics.circular import circular_correlation


def test_turns_reflections_and_independence() -> None:
    rng = np.random.default_rng(0)
    a, other = rng.uniform(-np.pi, np.pi, (2, 20_000))
    assert circular_correlation(a, (a + 2.5) % (2 * np.pi)) == pytest.approx(1, abs=0.03)
    assert circular_correlation(a, -a + 1) == pytest.approx(-1, abs=0.03)
    assert circular_correlation(a, other) == pytest.approx(0, abs=0.03)
    with pytest.raises(UsageError, match="as many angles"):
        circular_correlation(a, other[:5])


def test_the_hidden_circle_tells_its_angles() -> None:
    known = law("circle")
    assert isinstance(known, HiddenCircle)
    rng = np.random.default_rng(0)
    points, component, angle = known.with_angles(30_000, rng)
    assert points.shape == (30_000, 100)
    again, _ = known.sample(30_000, np.random.default_rng(0))
    assert (again == points).all()
    # Mean resultant lengths of von Mises angles with κ = 10: I₁(10)/I₀(10).
    for k in range(3):
        mine = np.exp(1j * angle[component == k])
        assert abs(mine.mean()) == pytest.approx(0.94860, abs=0.003)
    # Neighbours on the circle are neighbours among the points, noise apart.
    order = np.argsort(angle)
    gaps = np.linalg.norm(np.diff(points[order], axis=0), axis=1)
    assert np.median(gaps) == pytest.approx(0.1 * 200**0.5, rel=0.05)
