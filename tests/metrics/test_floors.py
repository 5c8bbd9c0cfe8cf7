from __future__ import annotations

import math
from zlib import crc32

import numpy as np
import pytest

from ganvas.data.laws import law
from ganvas.errors import UsageError
from ganvas.metrics import modes
from ganvas.metrics.floors import (
    expected_modes,
    histogram_measures,
    hq_floor,
    log_likelihood_floor,
    point_floors,
    stacked_floors,
)
from ganvas.metrics.points import evaluate_points


def test_share_within_three_deviations():
    assert hq_floor(2) == pytest.approx(98.889, abs=5e-4)
    assert hq_floor(3) == pytest.approx(97.071, abs=5e-4)


def test_expected_modes_of_too_few_samples():
    assert expected_modes(1000, 2500) == pytest.approx(918, abs=0.5)
    assert expected_modes(8, 1) == pytest.approx(1)


@pytest.mark.parametrize("name", ["grid25", "rand25", "cube27"])
def test_log_likelihood_floor_is_the_entropy_of_separate_modes(name: str):
    truth = law(name)
    entropy = 0.5 * np.log(np.linalg.det(2 * math.pi * math.e * truth.covariances)).mean()
    assert log_likelihood_floor(truth) == pytest.approx(-entropy - math.log(truth.K))


def test_simulated_floors_agree_with_closed_forms():
    truth = law("ring8")
    floors = point_floors(truth, 1000, repeats=4)
    assert floors["hq"].value == hq_floor(2)
    assert floors["kl_modes"].value == pytest.approx(7 / (2 * 989), abs=0.005)
    assert floors["sigma_ratio"].value == 1
    assert floors["w1"].value > 0 < floors["w1"].spread
    assert floors["jsd_grid_bits"].value == pytest.approx(floors["jsd_grid"].value / math.log(2))
    assert floors == point_floors(truth, 1000, repeats=4)


@pytest.mark.parametrize("samples", [20, 300])
def test_floors_are_against_the_reference_of_the_evaluation(samples: int):
    """From 2,000 points instead, the grid divergence of 2,500 samples is 1.5 times as large."""
    truth = law("ring8")
    floor = point_floors(truth, samples)["jsd_grid"]
    reference, _ = truth.reference(10_000)
    seeds = np.random.SeedSequence([crc32(b"ring8"), samples]).spawn(5)
    draws = [truth.sample(samples, np.random.Generator(np.random.PCG64(s)))[0] for s in seeds]
    found = [modes.jsd_grid(points, reference, truth.box) for points in draws]
    assert floor == pytest.approx((np.mean(found), np.std(found, ddof=1)))
    scored = evaluate_points(draws[0], truth, seed=None)["jsd_grid"]
    assert scored.protocol.reference_samples == 10_000
    assert (scored.value, scored.floor) == (pytest.approx(found[0]), floor.value)


def test_law_without_modes_has_distance_floors_only():
    assert set(point_floors(law("swiss_roll"), 500, 2)) == {"jsd_grid", "jsd_grid_bits", "w1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "divergence"), [("ring8", 0.0009), ("grid25", 0.0027), ("cube27", 0.0060)]
)
def test_grid_divergence_floors_of_the_benchmark(name: str, divergence: float):
    floor = point_floors(law(name), 10_000).get("jsd_grid")
    assert floor is not None
    assert floor.value == pytest.approx(divergence, rel=0.15)


@pytest.mark.parametrize(
    ("samples", "divergence"), [(20_000, 0.0252), (25_600, 0.0197), (26_000, 0.0194)]
)
def test_stacked_floors_of_the_benchmark(samples: int, divergence: float):
    floors = stacked_floors(samples)
    assert floors["kl_modes"].value == pytest.approx(divergence, abs=5e-4)
    assert floors["kl_modes"].spread == pytest.approx(0.0010, abs=4e-4)
    assert floors["modes"].value == pytest.approx(1000, abs=0.01)
    assert floors["kl_corr"].value == pytest.approx(0, abs=1e-3)


def test_stacked_floor_of_mnist_class_frequencies():
    counts = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
    shares = counts / counts.sum()
    bias = 3 * float(np.sum(shares * np.log(10 * shares)))
    assert bias == pytest.approx(0.0043, abs=5e-4)
    assert stacked_floors(26_000, shares)["kl_modes"].value == pytest.approx(0.0235, abs=5e-4)


def test_histogram_of_one_mode():
    counts = np.zeros(1000, int)
    counts[7] = 26_000
    found = histogram_measures(counts)
    assert found["kl_modes"] == pytest.approx(6.907755)
    assert found["modes"] == found["modes_strict"] == 1


def test_too_few_samples_are_refused():
    with pytest.raises(UsageError, match="2 samples"):
        point_floors(law("ring8"), 1)
