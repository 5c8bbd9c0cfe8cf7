"""Copies: of training images, of other samples, and what collisions say about the support.

"Near" always means nearer than real images are to each other, so no threshold is chosen by eye:
the distance that a small share (1 %) of real images falls below is the border. Fresh real images
then score that share themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import gammaincinv
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import nearest, nearest_other, squared_distance_blocks, wide
from ganvas.metrics.unmeasurable import UnmeasurableError

QUANTILE = 0.01
"""Share of real images that lie nearer to another real image than the border."""


def copy_border(train: Tensor, held_out: Tensor, quantile: float = QUANTILE) -> float:
    """Return the distance below which ``quantile`` of held-out images come to a training image.

    Args:
        train: (N, F) features or pixels of the training images.
        held_out: (M, F) of real images that were not trained on.
        quantile: share in (0, 1).
    """
    return float(nearest(held_out, train)[0].quantile(_checked(quantile)))


def copy_share(
    samples: Tensor, train: Tensor, held_out: Tensor, quantile: float = QUANTILE
) -> float:
    """Return the share of samples within `copy_border` of a training image.

    A perfect generator scores ``quantile``; one that replays its training set scores 1.
    """
    border = copy_border(train, held_out, quantile)
    return float((nearest(samples, train)[0] <= border).double().mean())


def duplicate_border(real: Tensor, quantile: float = QUANTILE) -> float:
    """Return the distance below which ``quantile`` of real images have another real image.

    It shrinks as the set grows: compare sets of one size.
    """
    return float(nearest_other(real)[0].quantile(_checked(quantile)))


def duplicate_rate(samples: Tensor, border: float) -> float:
    """Return the share of (N, F) samples with another sample within distance ``border``."""
    return float((nearest_other(samples)[0] <= border).double().mean())


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
    vectors = wide(samples)
    n = len(vectors)
    if n < 2:
        raise UnmeasurableError("a birthday estimate needs two samples or more")
    tail = (1 - _checked(confidence)) / 2
    pairs, collisions = n * (n - 1) // 2, pairs_within(vectors, border)
    most = float(gammaincinv(collisions + 1, 1 - tail))
    least = float(gammaincinv(collisions, tail)) if collisions else 0.0
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
    a = wide(vectors)
    rounding = 1e-12 * float((a - a.mean(0)).square().sum(1).mean())
    blocks = squared_distance_blocks(a, a)
    ordered = sum(int((squares <= distance**2 + rounding).sum()) for _, squares in blocks)
    return (ordered - len(a)) // 2  # each vector also met itself, each pair was met twice
