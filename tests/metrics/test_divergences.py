"""The calculator of divergences against closed forms, brute force and its own inequalities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ganvas.errors import UsageError
from ganvas.metrics import distances
from ganvas.metrics import divergences as d

MASSES = st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(any)
PILES = ([3, 2, 1, 4], [1, 2, 4, 3])


def normal(mean: float, deviation: float = 1.0) -> d.Density:
    return scipy.stats.norm(mean, deviation).pdf


def uniform(low: float) -> d.Density:
    return lambda x: ((x > low) & (x < low + 1)).astype(np.float64)


def test_the_piles_of_the_lecture_in_all_ways():
    found = d.between_masses(*PILES)
    assert 10 * found["w1"] == pytest.approx(5, abs=1e-9)
    assert 10 * found["sinkhorn"] == pytest.approx(5, abs=1e-4)
    p, q = (np.array(pile) / 10 for pile in PILES)
    assert found["kl"] == pytest.approx(float((p * np.log(p / q)).sum()))
    assert found["reverse_kl"] == pytest.approx(float((q * np.log(q / p)).sum()))
    assert found["tv"] == pytest.approx(0.3)


@given(MASSES, MASSES)
@example([0, 0, 0, 0, 1], [0, 0, 0, 0, 1])
@settings(max_examples=25)
def test_sinkhorn_is_never_below_the_exact_cost_and_near_it(p: list[int], q: list[int]):
    places = np.arange(5.0)
    cost = np.abs(places[:, None] - places) ** 1.5
    exact = distances.earth_mover(p, q, cost)
    assert (
        exact - 1e-9 <= d.sinkhorn(p, q, cost) <= exact + 0.002 * cost.mean() * math.log(5) + 1e-6
    )


@given(MASSES, MASSES)
@settings(max_examples=15)
def test_plans_have_the_margins_they_should(p: list[int], q: list[int]):
    cost = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    for plan in (d.sinkhorn_plan(p, q, cost), distances.transport_plan(p, q, cost)):
        assert (plan >= -1e-12).all()
        assert plan.sum(1) == pytest.approx(np.array(p) / sum(p), abs=1e-9)
        assert plan.sum(0) == pytest.approx(np.array(q) / sum(q), abs=1e-9)


def test_a_hot_sinkhorn_plan_is_the_product_of_the_margins():
    p, q = (np.array(pile) / 10 for pile in PILES)
    cost = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    assert d.sinkhorn_plan(p, q, cost, temperature=1e6) == pytest.approx(np.outer(p, q), abs=1e-5)
    assert d.sinkhorn(p, q, np.zeros((4, 4))) == 0


@pytest.mark.parametrize(
    ("p", "q", "ends", "js"),
    [
        (uniform(0), uniform(0.5), (-1.0, 3.0), 0.346574),
        (normal(0), normal(1), (-12.0, 14.0), 0.111421),
        (normal(0), normal(2), (-12.0, 14.0), 0.336831),
        (uniform(0), uniform(2), (-1.0, 4.0), 0.693147),
    ],
)
def test_js_of_the_lectures_table(p: d.Density, q: d.Density, ends: tuple[float, float], js: float):
    assert d.between_densities(p, q, *ends)["js"] == pytest.approx(js, abs=1e-6)


def test_normal_laws_have_closed_forms():
    found = d.between_densities(normal(0), normal(1.5, 2.0), -30, 30)
    assert found["kl"] == pytest.approx(math.log(2) + (1 + 1.5**2) / 8 - 0.5, abs=1e-6)
    assert found["reverse_kl"] == pytest.approx(-math.log(2) + (4 + 1.5**2) / 2 - 0.5, abs=1e-6)
    assert d.between_densities(normal(0), normal(1.5), -20, 20)["w1"] == pytest.approx(1.5)
    alike = d.between_densities(normal(0), normal(0), -9, 9)
    assert set(alike.values()) == {0.0}


def test_samples_on_the_line(rng: np.random.Generator):
    x, y = rng.normal(size=200), rng.normal(size=150) + 1
    found = d.between_samples(x, y, bins=10)
    assert found["w1"] == pytest.approx(scipy.stats.wasserstein_distance(x, y))
    assert found["w1"] - 1e-9 <= found["sinkhorn"] <= found["w1"] + 0.02
    assert 0 < found["js"] < math.log(2)
    assert found["mmd"] == pytest.approx(distances.mmd(x[:, None], y[:, None]))


def test_samples_in_the_plane_by_assignment_and_by_programme(rng: np.random.Generator):
    x, y = rng.normal(size=(24, 2)), rng.normal(size=(24, 2)) + 1
    found = d.between_samples(x, y)
    cost = distances.pairwise_distances(x, y)
    assert found["w1"] == pytest.approx(distances.earth_mover(np.ones(24), np.ones(24), cost))
    assert found["w1"] - 1e-9 <= found["sinkhorn"] <= found["w1"] + 0.05
    fewer = d.between_samples(x[:12], y)
    twice = d.between_samples(np.repeat(x[:12], 2, 0), y)  # the same law, in equal numbers
    assert fewer["w1"] == pytest.approx(twice["w1"])


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: d.between_samples(np.ones((3, 2)), np.ones((3, 1))), "2 and 1 coordinates"),
        (lambda: d.between_samples(np.ones((3, 2)), np.ones((3, 2)), bins=4), "leave bins out"),
        (lambda: d.between_samples([1.0, math.nan], [1.0]), "finite"),
        (lambda: d.between_samples(np.ones((1001, 2)), np.ones((1000, 2))), "equal numbers"),
        (lambda: d.between_samples(np.ones(2000), np.ones(2000)), "at most 1,000 each"),
        (lambda: d.between_densities(normal(0), normal(1), 1, 1), "low < high"),
        (lambda: d.sinkhorn([1, 1], [1, 1], np.ones((2, 3))), "do not fit"),
        (lambda: d.sinkhorn([1, -1], [1, 1], np.ones((2, 2))), "non-negative"),
        (lambda: d.between_masses([1, 2], [1, 2, 3]), "one support"),
    ],
)
def test_what_cannot_be_compared_is_refused(call: Callable[[], object], complaint: str):
    with pytest.raises(UsageError, match=complaint):
        call()
