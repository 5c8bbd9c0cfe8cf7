"""How well links are predicted: areas under the two customary curves."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganvas.data.graphs import HeldOut
from ganvas.errors import UsageError
from ganvas.metrics.protocol import Protocol, Score, settings
from ganvas.metrics.unmeasurable import require_finite


def link_auc(scores: ArrayLike, linked: ArrayLike) -> float:
    """Return P(a link scores above a pair without one), ties counting half.

    Args:
        scores: (M,), higher for pairs that are more likely linked.
        linked: (M,) bool, both kinds among them.

    Raises:
        UsageError: all pairs are of one kind.
        UnmeasurableError: some scores are not finite.
    """
    return float(_curves().roc_auc_score(*_checked(scores, linked)))


def link_precision(scores: ArrayLike, linked: ArrayLike) -> float:
    """Return the average precision: the mean over links of the share of links at or above each.

    Arguments and errors are those of `link_auc`.
    """
    return float(_curves().average_precision_score(*_checked(scores, linked)))


def evaluate_links(
    scores: ArrayLike, held_out: HeldOut, reference: str, **used: object
) -> dict[str, Score]:
    """Return the scores of predicted links, each with what the true rates reach as its floor.

    Args:
        scores: (M,), one for each held-out pair.
        held_out: the pairs.
        reference: data set and split, for the protocol.
        used: settings that only this system has, for the protocol.
    """
    measures = {"link_auc": link_auc, "link_ap": link_precision}
    return {
        name: Score(
            value=measure(scores, held_out.linked),
            floor=None if held_out.rates is None else measure(held_out.rates, held_out.linked),
            protocol=Protocol(
                metric=name,
                samples=len(held_out.pairs),
                reference=reference,
                reference_samples=int(held_out.linked.sum()),
                settings=settings(**used),
            ),
        )
        for name, measure in measures.items()
    }


def _curves() -> Any:
    return import_module("sklearn.metrics")  # late: a second to import


def _checked(scores: ArrayLike, linked: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return what is true and what was scored, in the order of scikit-learn."""
    true, found = np.asarray(linked, np.bool_), np.asarray(scores, np.float64)
    if found.shape != true.shape:
        raise UsageError(f"expected {true.size} scores of pairs, got shape {found.shape}")
    require_finite(found, "scores of pairs")
    if true.all() or not true.any():
        raise UsageError("links can be told from other pairs only where there are both")
    return true, found
