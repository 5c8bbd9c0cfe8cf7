"""Areas under curves, by their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from ganvas.data.graphs import HeldOut
from ganvas.errors import UsageError
from ganvas.metrics.links import evaluate_links, link_auc, link_precision


def random_case(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    linked = np.arange(40) < 17
    return rng.integers(12, size=40) + 3.0 * linked, linked  # with ties


def test_auc_counts_pairs_in_order() -> None:
    scores, linked = random_case()
    above = scores[linked][:, None] - scores[~linked]
    assert link_auc(scores, linked) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())


def test_average_precision_is_a_mean_over_links() -> None:
    scores, linked = random_case()
    precisions = [linked[scores >= s].mean() for s in scores[linked]]
    assert link_precision(scores, linked) == pytest.approx(np.mean(precisions))


def test_scores_carry_what_true_rates_reach() -> None:
    scores, linked = random_case()
    pairs = np.zeros((40, 2), np.int64)
    known = evaluate_links(scores, HeldOut(pairs, linked, linked + 0.5), "g, test", encoder="best")
    assert known["link_auc"].floor == known["link_ap"].floor == 1
    protocol = known["link_ap"].protocol
    assert (protocol.samples, protocol.reference_samples) == (40, 17)
    assert protocol.settings == (("encoder", "best"),)
    assert evaluate_links(scores, HeldOut(pairs, linked), "g, test")["link_auc"].floor is None


@pytest.mark.parametrize(
    ("scores", "linked", "complaint"),
    [
        ([1.0, np.nan], [True, False], r"not finite in 1 of 2 rows \(1\)"),
        ([1.0], [True, False], "expected 2 scores"),
        ([1.0, 2.0], [True, True], "only where there are both"),
    ],
)
def test_what_cannot_be_judged(scores: list[float], linked: list[bool], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        link_auc(scores, linked)
