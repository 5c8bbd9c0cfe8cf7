"""Columns of numbers of any type, looked at a part at a time and in float64. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.slices import slices

AnyArray = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

PART = 2**20
"""Numbers that are held in float64 at a time: 8 MiB."""


@dataclass(frozen=True, eq=False)
class Summary:
    """What is known of the columns of an array (N, D), each number of shape (D,).

    Attributes:
        mean: their means.
        variance: mean squares of their deviations; exactly 0 where all numbers are equal.
        least: their smallest numbers.
        greatest: their largest numbers.
    """

    mean: Floats
    variance: Floats
    least: Floats
    greatest: Floats

    @property
    def spread(self) -> Floats:
        """Standard deviations; 0 for equal numbers only, however near others lie together."""
        half = (self.greatest - self.least) / 2
        return np.where(self.variance > 0, np.sqrt(self.variance), half)


def parts(array: AnyArray) -> Iterator[slice]:
    """Give the rows of an array (N, …) in turn, so many that `PART` numbers are looked at."""
    return slices(len(array), PART // max(int(np.prod(array.shape[1:])), 1))


def summarise(array: AnyArray) -> Summary:
    """Return what is known of the columns of an array (N, D), N > 0, in one pass.

    Parts are merged as by Chan, Golub and LeVeque (1983); each is centred before it is squared.
    """
    count, found = 0, None
    for part in parts(array):
        exact = np.asarray(array[part], np.float64)
        new = Summary(exact.mean(0), exact.var(0), exact.min(0), exact.max(0))
        found = new if found is None else _merged(found, count, new, len(exact))
        count += len(exact)
    assert found is not None, "an array without rows has no mean"
    equal = found.least == found.greatest  # a rounded mean would differ from all
    mean, variance = np.where(equal, found.least, found.mean), np.where(equal, 0, found.variance)
    return Summary(mean, variance, found.least, found.greatest)


def _merged(a: Summary, n: int, b: Summary, m: int) -> Summary:
    gap, share = b.mean - a.mean, m / (n + m)
    return Summary(
        a.mean + gap * share,
        a.variance * (1 - share) + b.variance * share + gap**2 * share * (1 - share),
        np.minimum(a.least, b.least),
        np.maximum(a.greatest, b.greatest),
    )


def counts_rows(array: AnyArray, column: int) -> bool:
    """Tell whether a column of an array (N, D), N > 0, holds a number and those that follow it."""
    first = float(array[0, column])
    for part in parts(array):
        numbers: Floats = np.asarray(array[part, column], np.float64)
        if not (numbers == first + np.arange(part.start, part.stop)).all():
            return False
    return True
