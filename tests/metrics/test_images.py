from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.metrics import images, reference
from ganvas.metrics.extractors import DigitClassifier, OwnExtractor, Pixels, RandomConv
from ganvas.metrics.images import ImageEvaluation, digit_report, evaluate_images
from ganvas.metrics.protocol import Score


@pytest.fixture(scope="module")
def own_scores(classifier: DigitClassifier, real_digits) -> dict[str, Score]:
    """Held-out digits posing as samples: half of them against the other half."""
    train, _, held, labels = real_digits
    return evaluate_images(
        held[:300],
        train,
        classifier,
        held_out=held[300:],
        data="digits",
        labels=torch.from_numpy(labels[:300]),
        seed=1,
    )


def test_every_score_names_the_network_that_made_it(
    own_scores: dict[str, Score], classifier: DigitClassifier
):
    for name, score in own_scores.items():
        assert name == score.name
        assert score.protocol.extractor in ("digit-classifier", "pixels")
        assert score.protocol.weights in (classifier.weights, "none")
        assert name.endswith(f"[{score.protocol.extractor}]")
    kinds = {score.protocol.metric for score in own_scores.values()}
    assert kinds >= {
        "fid", "kid", "is", "precision", "recall", "density", "coverage", "coverage_ratio",
        "diversity", "copy_share", "duplicate_rate", "support", "support_low", "support_high",
        "confidence", "class_share_min", "class_share_7", "label_accuracy",
        "within_class_variance",
    }  # fmt: skip


def test_real_digits_reach_what_real_digits_reach(own_scores: dict[str, Score]):
    found = {score.protocol.metric: score for score in own_scores.values()}
    for name in ("precision", "recall", "coverage", "confidence", "is", "diversity"):
        assert found[name].value == pytest.approx(found[name].floor, rel=0.1)
    assert found["coverage_ratio"].value == pytest.approx(1, abs=0.05)
    assert found["label_accuracy"].value > 0.97
    assert found["within_class_variance"].value == pytest.approx(1, abs=0.1)
    assert found["copy_share"].value < 0.05
    assert found["duplicate_rate"].value < 0.1
    assert abs(found["kid"].value) < 5 * found["kid"].spread
    assert 0.02 < found["class_share_min"].value <= 0.1
    assert sum(found[f"class_share_{c}"].value for c in range(10)) == pytest.approx(1)


def test_protocol_states_the_sets(own_scores: dict[str, Score]):
    fid = own_scores["fid[digit-classifier]"].protocol
    assert (fid.samples, fid.reference, fid.reference_samples) == (300, "digits, held-out", 300)
    assert (fid.seed, fid.resize) == (1, "none")
    copies = dict(own_scores["copy_share[pixels]"].protocol.settings)
    assert copies == {"quantile": "0.01", "train": "1000", "held_out": "300"}


def test_digit_report_sees_a_replayed_training_set(real_digits):
    train, _, held, _ = real_digits
    report = digit_report(train[:400], train, held)
    assert report["copy_share"].value == 1
    assert report["coverage_ratio"].value == pytest.approx(1, abs=0.1)
    assert report["confidence"].value > 0.95
    assert report["within_class_variance"].value == pytest.approx(1, abs=0.1)


def test_digit_report_sees_a_collapse(real_digits):
    train, labels, held, _ = real_digits
    one = train[labels == 1][:1]
    report = digit_report(np.repeat(one, 200, axis=0), train, held)
    assert report["class_share_min"].value == 0
    assert report["class_share_1"].value == 1
    assert report["coverage_ratio"].value < 0.1
    assert report["within_class_variance"].value == 0


def test_duplicates_and_support_of_three_images(classifier: DigitClassifier, real_digits):
    train, _, held, _ = real_digits
    scores = evaluate_images(train[:3].repeat(40, axis=0), train, classifier, held_out=held)
    assert scores["duplicate_rate[pixels]"].value == 1
    # 120 draws of three images: 3 (40 choose 2) of (120 choose 2) pairs coincide.
    assert scores["support[pixels]"].value == pytest.approx(7140 / 2340)
    assert scores["support[pixels]"].floor > 100


def test_without_held_out_images_there_are_no_floors(real_digits):
    train, _, _, _ = real_digits
    scores = evaluate_images(train[:50], train[50:150], RandomConv(1))
    assert scores["fid[random-conv]"].floor is None
    assert scores["fid[random-conv]"].protocol.reference == "images, train"
    assert not {"coverage_ratio[random-conv]", "copy_share[pixels]", "is[random-conv]"} & set(
        scores
    )


def test_reference_can_be_the_training_set(real_digits):
    train, _, held, _ = real_digits
    pixels = Pixels()
    scores = evaluate_images(train[:60], train, pixels, held_out=held, against="train")
    assert scores["precision[pixels]"].protocol.reference_samples == 1000
    assert scores["precision[pixels]"].value == 1
    assert scores["precision[pixels]"].floor < 1
    with pytest.raises(UsageError, match="reference"):
        scores["fid[pixels]"].minus(
            evaluate_images(train[:60], train, pixels, held_out=held)["fid[pixels]"]
        )


def test_neighbours_are_as_many_as_a_small_set_has(real_digits):
    train, _, held, _ = real_digits
    scores = evaluate_images(train[:20], train[:3], Pixels(), held_out=held[:40], against="train")
    assert dict(scores["coverage[pixels]"].protocol.settings) == {"k": "2"}
    assert scores["coverage[pixels]"].value == 1
    assert scores["precision[pixels]"].value >= 3 / 20


def test_unfit_images_are_refused(classifier: DigitClassifier, real_digits):
    train, _, _, _ = real_digits
    with pytest.raises(UsageError, match="must be equal"):
        evaluate_images(np.zeros((9, 32, 32, 1), np.uint8), train, Pixels())
    with pytest.raises(UsageError, match="no held-out"):
        evaluate_images(train[:9], train, Pixels(), against="held-out")
    with pytest.raises(UsageError, match="as many labels"):
        evaluate_images(train[:20], train, classifier, labels=torch.zeros(3))
    with pytest.raises(UsageError, match="uint8"):
        evaluate_images(train[:9] / 255.0, train, Pixels())


def blobs(n: int, seed: int) -> np.ndarray:
    """Images of four pixels in ten classes, sorted by class."""
    rng = np.random.Generator(np.random.PCG64(seed))
    level = 20 * np.sort(rng.integers(10, size=n))[:, None] + 30
    return (level + rng.normal(0, 5, (n, 4))).clip(0, 255).astype(np.uint8).reshape(n, 2, 2, 1)


def near(samples: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> dict[str, Score]:
    own = OwnExtractor("pixels-as-they-are", nn.Flatten())
    evaluation = ImageEvaluation(samples, train, own, held_out=held_out, against="train")
    return {score.protocol.metric: score for score in evaluation.neighbourhoods()}


def as_shuffled(count: int) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    samples, train, held_out = blobs(count, 2), blobs(count, 3), blobs(count, 4)
    ordered = near(samples, train, held_out)
    mixed = near(rng.permutation(samples), rng.permutation(train), rng.permutation(held_out))
    for name in ("recall", "coverage", "precision"):
        assert ordered[name].value == pytest.approx(mixed[name].value, abs=0.03)
        assert ordered[name].value == pytest.approx(ordered[name].floor, abs=0.03)
    chosen = dict(ordered["recall"].protocol.settings)["choice"]
    assert chosen == "random, seed 424242"
    assert ordered["recall"].protocol.samples < count


def test_sorted_sets_score_as_shuffled_ones_where_they_are_cut(monkeypatch: pytest.MonkeyPatch):
    for module in (images, reference):
        monkeypatch.setattr(module, "KEPT", 1_000)  # the first 1,000 are six classes
    as_shuffled(1_600)


@pytest.mark.slow
def test_sixteen_thousand_sorted_images_score_as_shuffled_ones():
    as_shuffled(16_000)


def test_a_set_that_is_not_cut_states_no_choice(own_scores: dict[str, Score]):
    assert not [s for s in own_scores.values() if "choice" in dict(s.protocol.settings)]


class Breaks(nn.Module):
    """Features that are NaN for images whose first pixel is white."""

    def forward(self, x: Tensor) -> Tensor:
        features = x.flatten(1)
        return torch.where(features[:, :1] == 1, torch.nan, features)


def test_features_that_are_not_finite_leave_out_what_needs_them_and_say_which():
    samples, train, held_out = blobs(60, 5), blobs(80, 6), blobs(80, 7)
    samples[[7, 40], 0, 0, 0] = 255
    own = OwnExtractor("breaks", Breaks(), classifier=nn.Linear(4, 3))
    scores = evaluate_images(samples, train, own, held_out=held_out)
    metrics = {"fid", "kid", "precision", "recall", "density", "coverage", "coverage_ratio"}
    metrics |= {"diversity", "is", "confidence", "class_share_min", "within_class_variance"}
    assert set(scores.left_out) == {f"{metric}[own:breaks]" for metric in metrics}
    assert all("2 of 60 rows (7, 40)" in reason for reason in scores.left_out.values())
    assert scores.left_out["fid[own:breaks]"].startswith("features of the samples are not finite")
    assert set(scores) == {
        *("copy_share[pixels]", "memorised[pixels]"),
        *("duplicate_rate[pixels]", "support[pixels]"),
        *("support_low[pixels]", "support_high[pixels]"),
    }


def test_real_images_with_broken_features_cost_the_floors_only():
    samples, train, held_out = blobs(60, 5), blobs(80, 6), blobs(80, 7)
    train[:, 0, 0, 0] = 255
    scores = evaluate_images(samples, train, OwnExtractor("breaks", Breaks()), held_out=held_out)
    whole = evaluate_images(samples, train, OwnExtractor("whole", nn.Flatten()), held_out=held_out)
    assert scores["fid[own:breaks]"].value == pytest.approx(whole["fid[own:whole]"].value)
    assert scores["fid[own:breaks]"].floor is None
    assert scores["recall[own:breaks]"].floor is None
    assert "coverage_ratio[own:breaks]" not in scores


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_few_samples_have_the_scores_that_can_be_computed(
    count: int, classifier: DigitClassifier, real_digits
):
    train, _, held, _ = real_digits
    scores = evaluate_images(train[:count], train[20:80], classifier, held_out=held[:60])
    name = f"[{classifier.name}]"
    always = {f"is{name}", f"confidence{name}", f"class_share_min{name}", "copy_share[pixels]"}
    assert always <= set(scores)
    assert dict(scores[f"is{name}"].protocol.settings)["splits"] == str(count)
    assert scores[f"is{name}"].value == pytest.approx(1)  # each part is a single sample
    several = {f"fid{name}", f"kid{name}", f"recall{name}", f"diversity{name}", "support[pixels]"}
    assert several <= (set(scores) if count > 1 else set(scores.left_out))
    assert not scores.left_out or count == 1
    assert all(np.isfinite(s.value) for s in scores.values() if "support" not in s.name)


def test_a_floor_from_fewer_real_images_says_so(real_digits):
    train, _, held, _ = real_digits
    scores = evaluate_images(train[:60], train[60:90], Pixels(), held_out=held[:50])
    assert dict(scores["fid[pixels]"].protocol.settings)["floor_samples"] == "30"
    enough = evaluate_images(train[:60], train[60:160], Pixels(), held_out=held[:50])
    assert "floor_samples" not in dict(enough["fid[pixels]"].protocol.settings)
