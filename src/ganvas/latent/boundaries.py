"""Planes among codes that part those with an attribute from those without (Shen et al. 2020).

A linear SVM is fitted to the codes whose samples show most of an attribute and least of it. Its
unit normal n is a direction, and nᵀz + b the signed distance of a code.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.directions import Direction

Float = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.int64]

SHARE: Final = 0.02
"""Of all codes, on each side of the plane."""
MOST: Final = 10_000
TRAINED: Final = 0.7
"""Of the chosen codes; the others validate."""
FEWEST: Final = 4
"""Codes on each side: three train and one validates."""
FAR: Final = 5.0
"""Signed distances among normal latents that one of 1.7 million exceeds: samples look extreme."""
STEPS: Final = 5_000
UNPENALISED: Final = 10.0
"""Scale of the intercept's own feature: so large that its square hardly counts."""


@dataclass(frozen=True)
class Chosen:
    """Which codes a plane is fitted to.

    Attributes:
        train, validation: rows; both sides are alike in number up to one.
        remaining: rows of neither.
        positive: (N,) which codes are on the positive side.
    """

    train: Rows
    validation: Rows
    remaining: Rows
    positive: npt.NDArray[np.bool_]


def extremes(scores: Float, share: float = SHARE, most: int = MOST, seed: int = 0) -> Chosen:
    """Return codes with the highest and the lowest scores (N,), and all others.

    Scores that are not a number say that there is none, such as of a face that was not found.

    Args:
        scores: larger for more of the attribute.
        share: of the codes with a score, for each side; at most half.
        most: codes on each side.
        seed: of the choice of those that validate.

    Raises:
        UsageError: there are too few codes, or all have one score.
    """
    known = np.flatnonzero(np.isfinite(scores))
    count = min(int(share * len(known)), len(known) // 2, most)
    if count < FEWEST:
        raise UsageError(
            f"{len(known)} scores, and a share of {share:g} of them for each side, are {count} "
            f"codes: expected {FEWEST} or more; draw more, or take a larger share"
        )
    order = known[np.argsort(scores[known], kind="stable")]
    low, middle, high = order[:count], order[count:-count], order[-count:]
    if scores[low[-1]] >= scores[high[0]]:
        raise UsageError(
            f"the {count} highest scores and the {count} lowest ones are not apart (both "
            f"{scores[low[-1]]:.4g}): score something that differs between samples"
        )
    positive = np.zeros(len(scores), np.bool_)
    positive[high] = True
    return _divided(high, low, middle, positive, seed)


def labelled(labels: Float, seed: int = 0) -> Chosen:
    """Return all codes with a label: 1 has the attribute, 0 has not, not a number is unknown.

    Raises:
        UsageError: one side has too few.
    """
    sides = [np.flatnonzero(labels == side) for side in (1, 0)]
    if min(map(len, sides)) < FEWEST:
        raise UsageError(
            f"{len(sides[0])} samples are labelled 1 and {len(sides[1])} are labelled 0: a plane "
            f"needs {FEWEST} or more on each side"
        )
    having, lacking = sides
    return _divided(having, lacking, np.empty(0, np.int64), labels == 1, seed)


def _divided(
    high: Rows, low: Rows, middle: Rows, positive: npt.NDArray[np.bool_], seed: int
) -> Chosen:
    rng = np.random.Generator(np.random.PCG64(seed))
    parts: list[tuple[Rows, Rows]] = []
    for side in (high, low):
        cut = min(int(TRAINED * len(side)), len(side) - 1)
        shuffled = rng.permutation(np.sort(side))
        parts.append((shuffled[:cut], shuffled[cut:]))
    train, validation = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Chosen(train, validation, np.sort(middle), positive)


def plane(codes: Tensor, positive: npt.NDArray[np.bool_], cost: float = 1.0) -> Direction:
    """Return the plane that a linear SVM with hinge loss puts between codes (n, …).

    Codes are centred and brought to a mean square of 1 first: moving all of them moves the plane
    along and turns it nowhere, and the cost means the same in every space.

    Args:
        codes: both sides.
        positive: (n,) which of them are on the side that the normal points to.
        cost: of a code on the wrong side.
    """
    flat = codes.detach().cpu().double().flatten(1).numpy()
    mean = flat.mean(axis=0)
    spread = float(np.sqrt(np.square(flat - mean).mean())) or 1.0
    svm: Any = import_module("sklearn.svm").LinearSVC(
        loss="hinge",
        C=cost,
        intercept_scaling=UNPENALISED,
        max_iter=STEPS,
        random_state=0,
    )
    with warnings.catch_warnings():
        # Short of its tolerance the normal is still that of the exact solution to five digits.
        warnings.filterwarnings("ignore", "Liblinear failed to converge")
        svm.fit((flat - mean) / spread, positive)
    normal = np.asarray(svm.coef_, np.float64)[0]
    length = float(np.linalg.norm(normal))
    # The vector is kept in single precision; the intercept is that of what is kept.
    vector = torch.from_numpy(normal / length).float()
    offset = spread * float(svm.intercept_[0]) / length - float(vector.double().numpy() @ mean)
    return Direction(vector.view(codes.shape[1:]), offset)


@dataclass(frozen=True, eq=False)
class Boundary:
    """A plane and how well it parts.

    Attributes:
        direction: its unit normal and its intercept.
        validation: share of validation codes on the right side.
        remaining: the same of all other codes, whose truth is their score; None of labels.
        threshold: the score from which one of those counts as positive.
        train, validated, others: how many codes.
    """

    direction: Direction
    validation: float
    remaining: float | None
    threshold: float
    train: int
    validated: int
    others: int


def threshold_of(scores: Float) -> float:
    """Return from where on a score counts as positive: .5 among probabilities, else 0."""
    known = scores[np.isfinite(scores)]
    return 0.5 if len(known) and known.min() >= 0 and known.max() <= 1 else 0.0


def boundary(
    codes: Tensor,
    scores: Float,
    *,
    share: float = SHARE,
    most: int = MOST,
    threshold: float | None = None,
    cost: float = 1.0,
    seed: int = 0,
) -> Boundary:
    """Learn a plane from codes (N, …) and the scores (N,) of their samples.

    Raises:
        UsageError: as of `extremes`.
    """
    chosen = extremes(scores, share, most, seed)
    border = threshold_of(scores) if threshold is None else threshold
    return _learnt(codes, chosen, scores >= border, border, cost)


def boundary_of_labels(
    codes: Tensor, labels: Float, *, cost: float = 1.0, seed: int = 0
) -> Boundary:
    """Learn a plane from codes (N, …) with labels 0, 1, or not a number (N,).

    Raises:
        UsageError: as of `labelled`.
    """
    return _learnt(codes, labelled(labels, seed), labels == 1, 0.5, cost)


def _learnt(
    codes: Tensor, chosen: Chosen, truth: npt.NDArray[np.bool_], threshold: float, cost: float
) -> Boundary:
    direction = plane(codes[chosen.train], chosen.positive[chosen.train], cost)

    def right(rows: Rows, of: npt.NDArray[np.bool_]) -> float:
        return float(((direction.distances(codes[rows]) > 0).numpy() == of[rows]).mean())

    remaining = right(chosen.remaining, truth) if len(chosen.remaining) else None
    counts = (len(chosen.train), len(chosen.validation), len(chosen.remaining))
    validation = right(chosen.validation, chosen.positive)
    return Boundary(direction, validation, remaining, threshold, *counts)


def cosines(directions: Sequence[Direction]) -> npt.NDArray[np.float64]:
    """Return the cosines between directions of one space, (m, m)."""
    flat = torch.stack([d.vector.double().flatten() / d.length for d in directions])
    return (flat @ flat.T).numpy()


def correlations(scores: Float) -> npt.NDArray[np.float64]:
    """Return the correlations of scores (N, m), (m, m), over samples that have all of them.

    Of exactly linear attributes they are the cosines of the normals.
    """
    known = scores[np.isfinite(scores).all(axis=1)]
    return np.atleast_2d(np.corrcoef(known.astype(np.float64), rowvar=False)).astype(np.float64)


def entanglement(table: npt.NDArray[np.float64]) -> float:
    """Return the mean of |entries| beside the diagonal of a square table."""
    beside = table[~np.eye(len(table), dtype=np.bool_)]
    return float(np.abs(beside).mean())


def separability(codes: Tensor, scores: Float, threshold: float | None = None) -> float:
    """Return exp(Σ H(Y|X)) of scores (N, m): 1 where planes tell all (Karras et al. 2019).

    Of the half of the codes whose scores are farthest from the threshold, X is the side of a plane
    that is fitted to all of them, and Y the side of the score. Attributes of one side tell nothing.
    """
    total = 0.0
    for column in scores.T:
        border = threshold_of(column) if threshold is None else threshold
        known = np.flatnonzero(np.isfinite(column))
        order = np.argsort(-np.abs(column[known] - border), kind="stable")
        sure = known[order[: max(len(known) // 2, 1)]]
        truth = column[sure] >= border
        if truth.all() or not truth.any():
            continue
        side = (plane(codes[sure], truth).distances(codes[sure]) > 0).numpy()
        for here in (side, ~side):
            share = truth[here].mean() if here.any() else 0.0
            for p in (share, 1 - share):
                total -= float(here.mean() * p * np.log(p)) if p > 0 else 0.0
    return float(np.exp(total))
