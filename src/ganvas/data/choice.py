"""Which items are looked at where a set is cut: a random choice, always and everywhere the same.

Files, and samples of a conditional model, are often sorted by class: the first N stand for nothing.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ganvas.data.laws import REFERENCE_SEED

CHOICE = f"random, seed {REFERENCE_SEED}"
"""How the choice is stated in the protocol of a score."""

Set = TypeVar("Set", npt.NDArray[np.float64], npt.NDArray[np.uint8], npt.NDArray[Any], Tensor)


def places(count: int, most: int | None = None) -> npt.NDArray[np.int64]:
    """Return the places of ``most`` of ``count`` items, or of all of them, in random order."""
    return np.random.Generator(np.random.PCG64(REFERENCE_SEED)).permutation(count)[:most]


def some(items: Set, most: int | None = None) -> Set:
    """Return ``most`` of the items (N, …), or all of them, in random order (see `places`)."""
    return items[places(len(items), most)]


def at_most(items: Set, most: int) -> Set:
    """Return the items (N, …) as they are, or `some` of them if there are more than ``most``."""
    return items if len(items) <= most else some(items, most)
