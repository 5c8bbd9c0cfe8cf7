"""Values that are not finite, and sets that are too small: one clear outcome for every measure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.metrics import distances, duplicates, frechet, inception_score, kid, neighbours, prdc
from ganvas.metrics.circular import circular_correlation
from ganvas.metrics.classification import classify
from ganvas.metrics.diversity import class_variances, mean_pairwise_distance
from ganvas.metrics.gaussianity import gaussianity
from ganvas.metrics.links import link_auc, link_precision
from ganvas.metrics.moments import RunningMoments
from ganvas.metrics.protocol import Protocol, Score, measured
from ganvas.metrics.unmeasurable import UnmeasurableError, broken_rows

GOOD = torch.rand(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.arange(12) % 2

MEASURES: dict[str, Callable[[Tensor], object]] = {
    "frechet": lambda x: frechet.frechet_of_features(x, GOOD),
    "frechet, the other side": lambda x: frechet.frechet_of_features(GOOD, x),
    "moments": lambda x: RunningMoments(3).update(x),
    "kernel": lambda x: kid.kernel_distance(x, GOOD),
    "prdc": lambda x: prdc.prdc(GOOD, x),
    "prdc, real": lambda x: prdc.prdc(x, GOOD),
    "coverage": lambda x: prdc.coverage(GOOD, x),
    "nearest": lambda x: neighbours.nearest(x, GOOD),
    "diversity": mean_pairwise_distance,
    "variances": lambda x: class_variances(x, LABELS, 2),
    "copies": lambda x: duplicates.copy_share(x, GOOD, GOOD + 0.1),
    "repeats": lambda x: duplicates.duplicate_rate(x, 1.0),
    "support": lambda x: duplicates.birthday_support(x, 1.0),
    "inception": lambda x: inception_score.inception_score(x, 2),
    "shares": inception_score.class_shares,
    "confidence": inception_score.mean_confidence,
    "classify": lambda x: classify(x, GOOD, LABELS),
    "gaussianity": lambda x: gaussianity(x.numpy()),
    "assignment": lambda x: distances.wasserstein_assignment(x, GOOD),
    "on the line": lambda x: distances.wasserstein_1d(x[:, 0], GOOD[:, 0]),
    "mmd": lambda x: distances.mmd(x, GOOD),
    "correlation": lambda x: circular_correlation(x[:, 0], GOOD[:, 0]),
    "links": lambda x: link_auc(x[:, 0], LABELS),
    "link precision": lambda x: link_precision(x[:, 0], LABELS),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_every_measure_names_the_rows_that_are_not_finite(name: str, value: float) -> None:
    MEASURES[name](GOOD)
    broken = GOOD.clone()
    broken[[2, 9], 0] = value
    with pytest.raises(UnmeasurableError, match=r"not finite in 2 of 12 rows \(2, 9\)"):
        MEASURES[name](broken)


def test_moments_that_are_not_finite() -> None:
    mean, cov = torch.zeros(2), torch.eye(2)
    with pytest.raises(UnmeasurableError, match="means or covariances"):
        frechet.frechet_distance(mean, cov * torch.nan, mean, cov)


def test_many_rows_are_counted_not_listed() -> None:
    values = torch.zeros(1000, 2)
    assert broken_rows(values) == ""
    values[::2] = torch.nan
    assert broken_rows(values) == "in 500 of 1,000 rows (0, 2, 4, 6, 8 and 495 more)"
    assert broken_rows(np.array([0.0, np.inf])) == "in 1 of 2 rows (1)"


def test_probabilities_without_mass_are_refused() -> None:
    with pytest.raises(Exception, match="zero"):
        inception_score.inception_score(torch.zeros(4, 2), 2)


def test_a_measure_without_a_value_takes_no_other_with_it() -> None:
    def score(name: str) -> Score:
        return Score(value=1.0, protocol=Protocol(metric=name, samples=3))

    def breaks() -> list[Score]:
        raise UnmeasurableError("for a reason")

    found = measured(
        {("a",): lambda: [score("a")], ("b", "c"): breaks, ("d",): lambda: [score("d")]}
    )
    assert list(found) == ["a", "d"]
    assert found.left_out == {"b": "for a reason", "c": "for a reason"}
