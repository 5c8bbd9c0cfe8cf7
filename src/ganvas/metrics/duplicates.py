"""Copies: of training images, of other samples, and what collisions say about the support.

"Near" always means nearer than real images are to each other, so no threshold is chosen by eye:
the distance that a small share (1 %) of real images falls below is the border. Fresh real images
then score that share themselves. Real images that equal one another say nothing about how near
different ones are, so they are left out where the border is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import scipy
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import (
    centre,
    chunks,
    nearest,
    nearest_other,
    squared_distance_blocks,
    vectors_of,
)
from ganvas.metrics.unmeasurable import UnmeasurableError

QUANTILE = 0.01
"""Share of real images that lie nearer to another real image than the border."""


def copy_share(
    samples: Tensor,
    train: Tensor | Iterable[Tensor],
    held_out: Tensor,
    quantile: float = QUANTILE,
) -> float:
    """Return the share of samples as near to a training image as few real images are.

    The border is the distance below which ``quantile`` of the held-out images come to a training
    image, of those that equal none. A perfect generator scores ``quantile``; one that replays its
    training set scores 1, but so may one whose samples are blurred or vary too little: see
    `ganvas.metrics.copies`.

    Args:
        samples: (N, F) features or pixels.
        train: (M, F) of the training images, or parts of them, which are not kept.
        held_out: (K, F) of real images that were not trained on.
        quantile: share in (0, 1).

    Raises:
        UnmeasurableError: all held-out images equal training images.
    """
    _checked(quantile)
    parts = [train] if isinstance(train, Tensor) else train
    found = [(nearest(held_out, part)[0], nearest(samples, part)[0]) for part in parts]
    real, fake = (torch.stack(distances).amin(0) for distances in zip(*found, strict=True))
    return float((fake <= _border(real, quantile)).double().mean())


def duplicate_border(real: Tensor, quantile: float = QUANTILE) -> float:
    """Return the distance below which ``quantile`` of real images have another, different one.

    It shrinks as the set grows: compare sets of one size.

    Raises:
        UnmeasurableError: all real images are equal.
    """
    return _border(nearest_other(real)[0], _checked(quantile))


def duplicate_rate(samples: Tensor, border: float) -> float:
    """Return the share of (N, F) samples with another sample within distance ``border``."""
    return float((nearest_other(samples)[0] <= border).double().mean())


def _border(distances: Tensor, quantile: float) -> float:
    """Return a quantile of the distances (N,) that are not those of equal items."""
    apart = distances[distances > 0]
    if not len(apart):
        raise UnmeasurableError("all real items equal others, so that no near copy can be told")
    return float(apart.quantile(quantile))


def _checked(quantile: float) -> float:
    if not 0 < quantile < 1:
        raise UsageError(f"quantile must lie between 0 and 1, got {quantile}")
    return quantile


@dataclass(frozen=True)
class Support:
    """How many distinct samples a generator seems to have, from collisions.

    Attributes:
        collisions: pairs of near-equal samples.
        pairs: all pairs.
        size: pairs / collisions, the effective number of distinct samples; infinite without any.
        low: lower end of the interval.
        high: its upper end; infinite without collisions.
    """

    collisions: int
    pairs: int
    size: float
    low: float
    high: float


def birthday_support(samples: Tensor, border: float, confidence: float = 0.95) -> Support:
    """Estimate the size of a generator's support by the birthday paradox (Arora and Zhang 2018).

    Two draws from a uniform law over S samples coincide with probability 1/S. The collisions among
    all pairs of N draws estimate it; S distinct samples of unequal frequency p count as their
    effective number 1 / sum p^2. The interval is the exact one of a Poisson count: right for
    uniform supports, too narrow for very uneven ones.

    Args:
        samples: (N, F) features or pixels.
        border: distance within which two samples count as equal, see `duplicate_border`.
        confidence: of the interval, in (0, 1).
    """
    vectors = vectors_of(samples)
    n = len(vectors)
    if n < 2:
        raise UnmeasurableError("a birthday estimate needs two samples or more")
    tail = (1 - _checked(confidence)) / 2
    pairs, collisions = n * (n - 1) // 2, pairs_within(vectors, border)
    most = float(scipy.special.gammaincinv(collisions + 1, 1 - tail))
    least = float(scipy.special.gammaincinv(collisions, tail)) if collisions else 0.0
    return Support(
        collisions=collisions,
        pairs=pairs,
        size=pairs / collisions if collisions else math.inf,
        low=pairs / most,
        high=pairs / least if collisions else math.inf,
    )


def pairs_within(vectors: Tensor, distance: float) -> int:
    """Return how many unordered pairs of (N, F) vectors lie within ``distance`` of each other.

    Differences below a millionth of the set's own spread count as none.
    """
    a = vectors_of(vectors)
    mean = centre(a)
    spread = sum(float((part - mean).square().sum()) for _, part in chunks(a)) / len(a)
    rounding = 1e-12 * spread
    blocks = squared_distance_blocks(a, a)
    ordered = sum(int((squares <= distance**2 + rounding).sum()) for _, squares in blocks)
    return (ordered - len(a)) // 2  # each vector also met itself, each pair was met twice
