from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ganvas.errors import UsageError
from ganvas.metrics import distances as d

MASSES = st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any)
NUMBERS = st.lists(st.integers(-50, 50), min_size=1, max_size=30)


@pytest.mark.parametrize("theta", [1.0, -0.25, 1e-3])
def test_parallel_lines_apart(theta: float):
    found = d.parallel_lines(theta)
    assert found["w1"] == pytest.approx(abs(theta), abs=1e-6)
    assert found["js"] == pytest.approx(0.693147, abs=1e-6)
    assert found["tv"] == 1
    assert found["kl"] == math.inf


def test_parallel_lines_together():
    assert d.parallel_lines(0.0) == {"w1": 0, "js": 0, "kl": 0, "tv": 0}


@given(MASSES, MASSES)
def test_js_is_symmetric_bounded_and_zero_only_for_equals(p: list[int], q: list[int]):
    divergence = d.js_divergence(p, q)
    assert 0 <= divergence <= math.log(2) + 1e-12
    assert divergence == pytest.approx(d.js_divergence(q, p), abs=1e-12)
    assert d.js_divergence(p, p) == 0


@given(MASSES, MASSES)
def test_inequalities_between_divergences(p: list[int], q: list[int]):
    tv = d.total_variation(p, q)
    assert 0 <= tv <= 1
    assert 2 * tv**2 <= d.kl_divergence(p, q) + 1e-9  # Pinsker
    assert d.js_divergence(p, q) <= tv * math.log(2) + 1e-9  # Lin 1991
    # On the discrete metric, whose diameter is 1, the earth mover's distance is TV.
    assert d.earth_mover(p, q, 1 - np.eye(4)) == pytest.approx(tv, abs=1e-9)


def test_divergences_by_hand():
    assert d.js_divergence([1, 0], [0, 1]) == pytest.approx(math.log(2))
    assert d.kl_divergence([3, 1], [1, 1]) == pytest.approx(
        0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    )
    assert d.kl_divergence([1, 1], [1, 0]) == math.inf
    assert d.kl_divergence([1, 0], [1, 1]) == pytest.approx(math.log(2))


@pytest.mark.parametrize("p", [[1, -1], [0, 0], [[1, 1]]])
def test_what_is_no_mass_function_is_refused(p: list[int]):
    with pytest.raises(UsageError):
        d.total_variation(p, [1, 1])


@given(NUMBERS, NUMBERS)
def test_w1_on_the_line_equals_scipy(x: list[int], y: list[int]):
    expected = scipy.stats.wasserstein_distance(x, y)
    assert d.wasserstein_1d(x, y) == pytest.approx(expected, abs=1e-9)


@given(NUMBERS, st.integers(-20, 20))
def test_w1_of_a_shift_is_the_shift(x: list[int], shift: int):
    assert d.wasserstein_1d(x, np.array(x) + shift) == pytest.approx(abs(shift))


def test_w1_of_shifted_normals(rng: np.random.Generator):
    x, y = rng.normal(0, 1, 100_000), rng.normal(1.5, 1, 100_000)
    assert d.wasserstein_1d(x, y) == pytest.approx(1.5, abs=0.02)


def test_assignment_equals_brute_force_and_the_linear_programme(rng: np.random.Generator):
    for _ in range(5):
        x, y = rng.normal(size=(2, 5, 2))
        cost = np.linalg.norm(x[:, None] - y[None], axis=-1)
        brute = min(
            sum(cost[i, j] for i, j in enumerate(order))
            for order in itertools.permutations(range(5))
        )
        assert d.wasserstein_assignment(x, y) == pytest.approx(brute / 5)
        assert d.earth_mover(np.ones(5), np.ones(5), cost) == pytest.approx(brute / 5)


def test_assignment_on_the_line_equals_sorting(rng: np.random.Generator):
    x, y = rng.normal(size=(2, 200, 1))
    assert d.wasserstein_assignment(x, y) == pytest.approx(d.wasserstein_1d(x, y))


def test_assignment_needs_equal_shapes():
    with pytest.raises(UsageError, match="one shape"):
        d.wasserstein_assignment(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(UsageError, match="do not fit"):
        d.earth_mover([1, 1], [1, 1], np.zeros((3, 2)))


@pytest.mark.parametrize("dim", [1, 2, 10])
def test_gaussians_of_equal_covariance(dim: int, rng: np.random.Generator):
    factor = rng.normal(size=(dim, dim))
    covariance = factor @ factor.T + np.eye(dim)
    gap = rng.normal(size=dim)
    exact = d.gaussian_w1(np.zeros(dim), gap)
    assert exact == pytest.approx(np.linalg.norm(gap))
    # The critic along the mean difference is 1-Lipschitz and attains it.
    x = rng.multivariate_normal(gap, covariance, 100_000)
    y = rng.multivariate_normal(np.zeros(dim), covariance, 100_000)
    attained = d.ipm(lambda points: points @ gap / exact, x, y)
    assert attained == pytest.approx(exact, abs=6 * math.sqrt(2 * np.trace(covariance) / 1e5))


def test_gaussian_kl_matches_its_integral(rng: np.random.Generator):
    m1, m2 = np.array([0.5]), np.array([-1.0])
    c1, c2 = np.array([[0.64]]), np.array([[2.25]])
    x = np.linspace(-12, 12, 200_001)
    p, q = (scipy.stats.norm.pdf(x, m[0], math.sqrt(c[0, 0])) for m, c in ((m1, c1), (m2, c2)))
    expected = np.trapezoid(p * np.log(p / q), x)
    assert d.gaussian_kl(m1, c1, m2, c2) == pytest.approx(expected, abs=1e-6)
    factor = rng.normal(size=(4, 4))
    covariance = factor @ factor.T + np.eye(4)
    assert d.gaussian_kl(m1.repeat(4), covariance, m1.repeat(4), covariance) == pytest.approx(0)


def test_mmd_equals_its_double_sums(rng: np.random.Generator):
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(7, 2)) + 0.5

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return math.exp(-((a - b) ** 2).sum() / (2 * 0.7**2))

    within_x = np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    between = np.mean([kernel(a, b) for a in x for b in y])
    assert d.mmd(x, y, 0.7) == pytest.approx(within_x + within_y - 2 * between)
    with pytest.raises(UsageError, match="two samples"):
        d.mmd(x[:1], y)


def test_mmd_tells_laws_apart(rng: np.random.Generator):
    x, same, other = rng.normal(size=(3, 500, 2))
    assert d.mmd(x, same) == pytest.approx(0, abs=0.01)
    assert d.mmd(x, 2 * other) > 0.03


@given(st.lists(st.integers(-9, 9), max_size=40), st.sampled_from([1, 3, 5, 21]))
def test_median_filter_equals_its_definition(series: list[int], window: int):
    half = window // 2
    expected = [np.median(series[max(0, i - half) : i + half + 1]) for i in range(len(series))]
    assert d.median_filter(series, window).tolist() == expected


@pytest.mark.parametrize("length", [0, 1, 50, 100, 101, 102, 500])
def test_median_filter_of_a_constant_is_the_constant(length: int):
    assert d.median_filter(np.full(length, 2.5)).tolist() == [2.5] * length


def test_median_filter_removes_a_spike_and_refuses_even_windows():
    series = np.arange(300.0)
    series[150] = 1e9
    assert np.abs(d.median_filter(series)[50:250] - np.arange(50, 250)).max() <= 1
    with pytest.raises(UsageError, match="odd"):
        d.median_filter(series, 100)


@pytest.mark.parametrize(
    ("p", "q"), [([1, 0], [0, 1]), ([1, 1], [1, 1]), ([1, 2, 3, 4], [4, 0, 1, 5])]
)
def test_energy_game_is_total_variation(p, q):
    # Against the linear programme min E_p D + E_q s, s >= m − D, s, D >= 0 of the discriminator.
    margin = 1.5
    first, second = np.array(p) / np.sum(p), np.array(q) / np.sum(q)
    count = len(p)
    solved = scipy.optimize.linprog(
        np.concatenate([first, second]),
        A_ub=-np.concatenate([np.eye(count), np.eye(count)], 1),
        b_ub=np.full(count, -margin),
    )
    on_d, on_g = d.energy_game(p, q, margin)
    assert on_d == pytest.approx(solved.fun, abs=1e-12)
    assert on_g == pytest.approx(margin * d.total_variation(p, q), abs=1e-12)
    assert on_d == pytest.approx(margin - on_g, abs=1e-12)


def test_energy_game_of_disjoint_masses():
    assert d.energy_game([1, 0], [0, 1], 3.0) == (0.0, 3.0)
