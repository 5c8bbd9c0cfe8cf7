from __future__ import annotations

import math

import numpy as np
import pytest

from ganvas.data.laws import law
from ganvas.errors import GanvasError, UsageError
from ganvas.metrics import measures
from ganvas.metrics import points as sets
from ganvas.metrics.points import evaluate_point_set, evaluate_points
from ganvas.metrics.protocol import Score

LAW_SCORES = {
    "hq",
    "modes",
    "modes_strict",
    "kl_modes",
    "kl_corr",
    "jsd_modes",
    "sigma_ratio",
    "log_likelihood",
    "jsd_grid",
    "jsd_grid_bits",
    "w1",
    "w1_excess",
}


def test_true_samples_reach_their_floors():
    truth = law("grid25")
    points, _ = truth.sample(1000, np.random.Generator(np.random.PCG64(777)))
    scores = evaluate_points(points, truth, seed=777)
    assert set(scores) == LAW_SCORES
    assert all(score.floor is not None for score in scores.values())
    assert scores["hq"].value == pytest.approx(scores["hq"].floor, abs=1.0)
    assert scores["modes"].value == scores["modes_strict"].value == 25
    assert scores["log_likelihood"].minus(scores["log_likelihood"]) == 0
    assert scores["log_likelihood"].value == pytest.approx(scores["log_likelihood"].floor, abs=0.1)
    assert abs(scores["w1_excess"].value) < 0.1
    assert scores["w1"].value - scores["w1"].floor == pytest.approx(scores["w1_excess"].value)


def test_a_collapsed_generator_is_seen():
    truth = law("ring8")
    scores = evaluate_points(np.repeat(truth.centres[:1], 500, axis=0), truth, seed=0)
    assert scores["hq"].value == 100
    assert scores["modes"].value == 1
    assert scores["sigma_ratio"].value == 0
    # Half the mass of the uniform ring must travel: the mean distance from the first centre.
    travelled = np.linalg.norm(truth.centres - truth.centres[0], axis=1).mean()
    assert scores["w1"].value == pytest.approx(travelled, rel=0.05)


def test_protocol_states_counts_reference_and_seed(monkeypatch: pytest.MonkeyPatch):
    assert measures.TRANSPORT_SAMPLES == 2000
    for module in (measures, sets):
        monkeypatch.setattr(module, "TRANSPORT_SAMPLES", 400)
    truth = law("grid25")
    points, _ = truth.reference(2500)
    scores = evaluate_points(points, truth, seed=5)
    assert scores["hq"].protocol.samples == 2500
    assert scores["w1"].protocol.samples == scores["w1"].protocol.reference_samples == 400
    assert scores["w1"].protocol.reference == "grid25, seed 424242"
    assert scores["jsd_grid"].protocol.reference_samples == 10_000
    with pytest.raises(UsageError, match="samples"):
        scores["hq"].minus(evaluate_points(points[:300], truth, seed=5)["hq"])
    with pytest.raises(UsageError, match="seed"):
        scores["hq"].minus(evaluate_points(points, truth, seed=6)["hq"])


def test_every_score_survives_json():
    points = np.full((10, 2), 50.0)  # nothing of quality: some values are NaN
    for score in evaluate_points(points, law("ring8"), seed=None).values():
        again = Score.from_json(score.to_json())
        assert again.protocol == score.protocol
        assert again.value == pytest.approx(score.value, nan_ok=True)


def test_broken_samples_are_refused():
    with pytest.raises(GanvasError, match="diverged"):
        evaluate_points(np.full((10, 2), np.nan), law("ring8"), seed=0)
    with pytest.raises(UsageError, match=r"\(N, 2\)"):
        evaluate_points(np.zeros((10, 3)), law("ring8"), seed=0)


@pytest.mark.slow
def test_mix1200_has_both_definitions():
    truth = law("mix1200")
    points, _ = truth.sample(300, np.random.Generator(np.random.PCG64(1)))
    scores = evaluate_points(points, truth, seed=1)
    assert scores["hq_cal"].value > 98
    assert scores["hq10_literal"].value == scores["modes_literal"].value == 0
    assert "sigma_ratio" not in scores


def test_points_without_a_law(rng: np.random.Generator):
    reference, real, same = rng.normal(size=(3, 400, 2))
    scores = evaluate_point_set(same, reference, real=real, reference_name="mine", seed=2)
    assert set(scores) == {"w1", "mmd", "precision", "recall", "density", "coverage", "memorised"}
    assert scores["memorised"].value == pytest.approx(1 / 9, abs=0.06)
    assert scores["memorised"].floor == pytest.approx(1 / 9, abs=0.06)
    again = evaluate_point_set(real, reference, real=real)["memorised"]
    assert (again.value, again.floor) == (1, scores["memorised"].floor)
    assert scores["coverage"].value == pytest.approx(scores["coverage"].floor, abs=0.1)
    assert scores["mmd"].value == pytest.approx(0, abs=0.01)
    assert dict(scores["recall"].protocol.settings) == {"k": "5"}
    shifted = evaluate_point_set(same + 3, reference)
    assert shifted["w1"].value == pytest.approx(math.hypot(3, 3), abs=0.2)
    assert shifted["coverage"].floor is None
    few = evaluate_point_set(same, reference[:3])
    assert dict(few["recall"].protocol.settings) == {"k": "2"}
    with pytest.raises(UsageError, match="reference points"):
        evaluate_point_set(same, np.full((5, 2), np.nan))


def test_sorted_points_score_as_shuffled_ones_where_they_are_cut(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    for module, name in ((measures, "TRANSPORT"), (sets, "TRANSPORT"), (sets, "KERNEL")):
        monkeypatch.setattr(module, f"{name}_SAMPLES", 300)
    truth = law("ring8")
    drawn, mode = truth.sample(401, rng)
    ordered = drawn[np.argsort(mode)]  # the first 300 lack two modes of eight
    score = evaluate_points(ordered, truth, seed=None)["w1"]
    assert score.value < 0.2  # of the first 300: .25 to .34
    assert dict(score.protocol.settings) == {"choice": "random, seed 424242"}
    halves = np.repeat([[0.0], [10.0]], 200, axis=0)
    scores = evaluate_point_set(halves, rng.permutation(halves))
    assert scores["w1"].value < 1  # of the first 300: 1.7
    assert scores["mmd"].value < 0.01
    assert dict(scores["w1"].protocol.settings) == {"choice": "random, seed 424242"}


def test_what_one_point_allows_is_measured_and_the_rest_says_why(rng: np.random.Generator):
    scores = evaluate_point_set(np.zeros((1, 2)), rng.normal(size=(50, 2)))
    assert set(scores) == {"w1", "memorised"}
    assert set(scores.left_out) == {"mmd", "precision", "recall", "density", "coverage"}
    assert "two samples" in scores.left_out["mmd"]
