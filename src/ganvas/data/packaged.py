"""Real handwritten digits that come with the library: nothing to download."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data.items import Collection, Items

DIGITS = tuple(str(digit) for digit in range(10))


Arrays = dict[str, tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]
"""Images (N, H, W, 1) and classes (N,) of each split."""


def digits() -> Collection:
    """Return 8,000 training and 2,000 held-out MNIST digits, 28×28 grey, as many of each class.

    The file also records each image's index in the standard MNIST files; see
    ``packaged/ATTRIBUTION.md``.
    """
    return _collection("digits", _digits())


def digits8() -> Collection:
    """Return scikit-learn's 1,797 digits, 8×8 grey; its levels 0..16 become round(255/16·level)."""
    return _collection("digits8", _digits8())


def _collection(name: str, arrays: Arrays) -> Collection:
    """Return a set of one's own: changing it changes no other."""
    splits = {split: Items(x.copy(), label.copy()) for split, (x, label) in arrays.items()}
    return Collection(name, splits, DIGITS)


@cache
def _digits() -> Arrays:
    packed = _packed("digits.npz")
    return {
        split: (packed[f"x_{split}"][..., None], packed[f"y_{split}"].astype(np.int64))
        for split in ("train", "test")
    }


@cache
def _digits8() -> Arrays:
    packed = _packed("digits8.npz")
    images = np.rint(packed["x"] * (255 / 16)).astype(np.uint8)[..., None]
    return {"train": (images, packed["y"].astype(np.int64))}


def _packed(name: str) -> dict[str, npt.NDArray[Any]]:
    with as_file(files("ganvas.data") / "packaged" / name) as path, np.load(path) as packed:
        return dict(packed)


PACKAGED: dict[str, Callable[[], Collection]] = {"digits": digits, "digits8": digits8}
"""Sets that are always there."""
