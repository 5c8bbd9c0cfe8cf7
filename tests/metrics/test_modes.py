from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.data.laws import Law, law
from ganvas.errors import GanvasError, UsageError
from ganvas.metrics import modes
from ganvas.metrics.measures import coverage_measures, mode_measures

GAUSSIAN_LAWS = ["ring8", "ring8_wide", "grid25", "rand25", "cube27"]
HISTOGRAMS = st.lists(st.integers(0, 50), min_size=2, max_size=12).filter(any)


def line(sigma: float = 1.0) -> Law:
    """Three modes on a line at -8, 0, 8 whose numbers are exact in binary."""
    return Law("line", np.array([[-8.0], [0.0], [8.0]]), sigma, np.array([[-16.0, 16.0]]))


@pytest.mark.parametrize("name", GAUSSIAN_LAWS)
def test_true_samples_are_judged_right(name: str):
    truth = law(name)
    points, component = truth.reference(10_000)
    assignment = modes.assign(points, truth)
    expected = {2: 98.889, 3: 97.071}[truth.dim]
    tolerance = {2: 0.3, 3: 0.5}[truth.dim]
    assert 100 * assignment.good.mean() == pytest.approx(expected, abs=tolerance)
    assert modes.covered(assignment.counts) == truth.K
    assert modes.strictly_covered(assignment.counts, 10_000) == truth.K
    assert (assignment.nearest == component).all()
    # 2N KL is chi-square with K - 1 degrees of freedom for uniform draws.
    n = assignment.counts.sum()
    floor, deviation = (truth.K - 1) / (2 * n), math.sqrt(2 * (truth.K - 1)) / (2 * n)
    assert modes.kl_to_uniform(assignment.counts) == pytest.approx(floor, abs=4 * deviation)
    assert modes.sigma_ratio(points, truth) == pytest.approx(1.0, abs=0.015)


@pytest.mark.parametrize(
    ("name", "divergence"), [("ring8", 2.079442), ("grid25", 3.218876), ("cube27", math.log(27))]
)
def test_a_point_mass_covers_one_mode(name: str, divergence: float):
    truth = law(name)
    points = np.repeat(truth.centres[3:4], 500, axis=0)
    assignment = modes.assign(points, truth)
    assert assignment.good.all()
    assert modes.covered(assignment.counts) == 1
    assert modes.kl_to_uniform(assignment.counts) == pytest.approx(divergence, abs=1e-6)
    assert modes.sigma_ratio(points, truth) == 0.0


def test_uniform_noise_scores_the_area_of_the_discs(rng: np.random.Generator):
    points = rng.uniform(-1.25, 1.25, size=(400_000, 2))
    share = modes.assign(points, law("ring8")).good.mean()
    assert share == pytest.approx(8 * math.pi * 0.03**2 / 6.25, abs=4e-4)  # 0.362 %


def test_border_is_inclusive_and_ties_go_to_the_lowest_mode():
    assignment = modes.assign([[3.0], [np.nextafter(3.0, 4.0)], [4.0], [-4.0]], line())
    assert assignment.good.tolist() == [True, False, False, False]
    assert assignment.nearest.tolist() == [1, 1, 1, 0]


def test_strict_modes_need_a_fifth_of_their_fair_share():
    # N/K = 100, so 20 hits are enough and 19 are not; one lucky hit counts only loosely.
    counts = np.array([20, 19, 1, 0, 300, 60])
    assert modes.strictly_covered(counts, 600) == 3
    assert modes.covered(counts) == 5
    assert modes.strictly_covered([1, 0], 2) == 1


def test_bad_samples_count_as_samples():
    """Of 300 samples a third are good, 15 of them at 0: a fair share is 20 of all of them."""
    points = np.concatenate([np.full(85, -8.0), np.full(15, 0.0), np.full(200, 4.0)])[:, None]
    found = mode_measures(modes.assign(points, line()), 300)
    assert found["hq"] == pytest.approx(100 / 3)
    assert (found["modes"], found["modes_strict"]) == (2, 1)
    assert coverage_measures(points, line())["modes_strict"] == 1


@given(HISTOGRAMS)
def test_kl_to_uniform_is_between_0_and_log_k(counts: list[int]):
    divergence = modes.kl_to_uniform(counts)
    assert 0 <= divergence <= math.log(len(counts)) + 1e-12
    entropy = -sum(c / sum(counts) * math.log(c / sum(counts)) for c in counts if c)
    assert divergence == pytest.approx(math.log(len(counts)) - entropy, abs=1e-9)


def test_corrected_kl_is_unbiased_on_uniform_draws(rng: np.random.Generator):
    draws = [rng.multinomial(26_000, np.full(1000, 1e-3)) for _ in range(100)]
    assert np.mean([modes.kl_corrected(d) for d in draws]) == pytest.approx(0, abs=1e-3)


def test_nothing_of_quality_gives_nan_not_a_number_that_looks_good():
    far = np.full((10, 2), 100.0)
    counts = modes.assign(far, law("ring8")).counts
    for measure in (modes.kl_to_uniform, modes.kl_corrected, modes.jsd_to_uniform):
        assert math.isnan(measure(counts))
    assert math.isnan(modes.sigma_ratio(far, law("ring8")))


@given(HISTOGRAMS)
def test_jsd_to_uniform_is_between_0_and_log_2(counts: list[int]):
    assert 0 <= modes.jsd_to_uniform(counts) <= math.log(2)


def test_grid_divergence_is_a_symmetric_bounded_distance(rng: np.random.Generator):
    box = law("ring8").box
    x, y = rng.uniform(-1.25, 1.25, (2, 2000, 2))
    assert modes.jsd_grid(x, x, box) == 0
    assert modes.jsd_grid(x, y, box) == pytest.approx(modes.jsd_grid(y, x, box), abs=1e-12)
    assert 0 < modes.jsd_grid(x, y, box) < math.log(2)
    assert modes.jsd_grid(x, x + 2.5, box) == pytest.approx(math.log(2), abs=1e-3)


def test_grid_divergence_counts_what_lies_outside():
    box = np.array([[0.0, 1.0], [0.0, 1.0]])
    inside = np.array([[0.5, 0.5], [1.0, 1.0], [0.0, 0.0], [0.25, 0.25]])
    half_out = inside + np.array([[0, 0], [9, 0], [0, 9], [0, 0]])
    # Shares: two cells 1/4 and outside 1/2 against four cells 1/4: the closed form by hand.
    m, p, q = [0.25, 0.25, 0.125, 0.125, 0.25], [0.25, 0.25, 0, 0, 0.5], [0.25] * 4 + [0]
    expected = sum(
        0.5 * a * math.log(a / c) for b in (p, q) for a, c in zip(b, m, strict=True) if a
    )
    assert modes.jsd_grid(half_out, inside, box) == pytest.approx(expected)
    assert modes.jsd_grid(inside + 9, inside - 9, box) == 0  # all outside: one and the same cell


def test_grid_divergence_of_a_missing_mode():
    truth = law("ring8")
    points, component = truth.reference(80_000)
    with_all, _ = truth.sample(70_000, np.random.Generator(np.random.PCG64(1)))
    # Exact between mode shares 1/7 (seven modes) and 1/8 (eight).
    p, q = np.array([1 / 7] * 7 + [0]), np.full(8, 1 / 8)
    m = (p + q) / 2
    exact = 0.5 * (p[:7] * np.log(p[:7] / m[:7])).sum() + 0.5 * (q * np.log(q / m)).sum()
    assert exact == pytest.approx(0.0454, abs=1e-4)
    assert modes.jsd_grid(points[component > 0], with_all, truth.box) == pytest.approx(
        exact, abs=2e-3
    )


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 700])
def test_truncated_variance_matches_simulation(dim: int, rng: np.random.Generator):
    radius = math.sqrt(dim)
    u = rng.standard_normal((4_000_000 // dim, dim))
    norms = (u**2).sum(1)
    kept = norms[norms <= radius**2]
    assert modes.chi_square_cdf(radius**2, dim) == pytest.approx(
        len(kept) / len(u), abs=4 / math.sqrt(len(u))
    )
    assert modes.truncated_variance(dim, radius) == pytest.approx(kept.mean() / dim, rel=0.01)


def test_chi_square_in_two_dimensions_is_the_rayleigh_law():
    assert modes.chi_square_cdf(9.0, 2) == pytest.approx(1 - math.exp(-4.5))
    assert modes.chi_square_cdf(9.0, 1) == pytest.approx(math.erf(3 / math.sqrt(2)))


@pytest.mark.parametrize("scale", [0.5, 0.8])
def test_sigma_ratio_measures_narrow_modes(scale: float, rng: np.random.Generator):
    for name in ("grid25", "rand25", "cube27"):
        truth = law(name)
        points, component = truth.reference(20_000)
        centres = truth.centres[component]
        shrunk = centres + scale * (points - centres)
        # Shrunk samples are cut at 3 / scale of their own deviations.
        cut = modes.truncated_variance(truth.dim, 3 / scale) / modes.truncated_variance(truth.dim)
        assert modes.sigma_ratio(shrunk, truth) == pytest.approx(scale * math.sqrt(cut), rel=0.02)


def test_sigma_ratio_is_about_the_true_centre():
    # A point mass one deviation off-centre on the line: sqrt(1 / expected variance).
    ratio = modes.sigma_ratio(np.full((10, 1), 1.0), line())
    assert ratio == pytest.approx(1 / math.sqrt(modes.truncated_variance(1)))


def test_mahalanobis_distances_equal_the_inverse_covariance_form(rng: np.random.Generator):
    truth = law("rand25")
    points = rng.uniform(-4, 4, (50, 2))
    precision = np.linalg.inv(truth.covariances)
    gap = points[:, None] - truth.centres
    expected = np.sqrt(np.einsum("nki,kij,nkj->nk", gap, precision, gap))
    np.testing.assert_allclose(modes.mode_distances(points, truth), expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["ring8", "rand25", "cube27"])
def test_log_likelihood_equals_the_written_out_mixture(name: str, rng: np.random.Generator):
    truth = law(name)
    points = truth.centres[rng.integers(truth.K, size=40)] + rng.normal(0, 0.03, (40, truth.dim))
    covariances = truth.covariances
    gap = points[:, None] - truth.centres
    power = np.einsum("nki,kij,nkj->nk", gap, np.linalg.inv(covariances), gap)
    norm = np.sqrt((2 * math.pi) ** truth.dim * np.linalg.det(covariances))
    expected = np.log((np.exp(-power / 2) / norm).mean(axis=1)).mean()
    assert modes.log_likelihood(points, truth) == pytest.approx(expected)


def test_log_likelihood_far_away_is_finite():
    assert math.isfinite(modes.log_likelihood([[1e3, 1e3]], law("ring8")))


def test_mix1200_is_judged_on_its_shell():
    truth = law("mix1200")
    points, component = truth.reference(500)
    assignment = modes.assign_shell(points, truth)
    assert assignment.good.mean() > 0.98  # three shell widths on both sides: 99.7 %
    assert (assignment.nearest == component).all()
    # No sample of the law itself lies in the literal ball: its distance is 26.45 +- 0.71.
    ball = modes.assign(points, truth, radius=10.0)
    assert not ball.good.any()
    assert ball.distance.mean() == pytest.approx(26.45, abs=0.15)
    # A point mass at a mean fills the ball, not the shell; a noisy tail spoils the shell too.
    assert modes.assign(truth.centres, truth, radius=10.0).good.all()
    assert not modes.assign_shell(truth.centres, truth).good.any()
    points[:, 700:] += np.tile([0.3, -0.3], 250)
    assert not modes.assign_shell(points, truth).good.any()


def test_wrong_samples_are_refused():
    ring = law("ring8")
    with pytest.raises(UsageError, match=r"\(N, 2\)"):
        modes.assign(np.zeros((5, 3)), ring)
    broken = np.zeros((5, 2))
    broken[1, 0] = math.nan
    with pytest.raises(GanvasError, match=r"samples are not finite in 1 of 5 rows \("):
        modes.assign(broken, ring)
    with pytest.raises(UsageError, match="no modes"):
        modes.assign(np.zeros((5, 2)), law("swiss_roll"))
    with pytest.raises(UsageError, match="all coordinates"):
        modes.assign_shell(np.zeros((5, 2)), ring)
    with pytest.raises(UsageError, match="no density"):
        modes.log_likelihood(np.zeros((1, 1200)), law("mix1200"))
    with pytest.raises(UsageError, match="1 to 3 dimensions"):
        modes.jsd_grid(np.zeros((2, 4)), np.zeros((2, 4)), np.tile([-1.0, 1.0], (4, 1)))
