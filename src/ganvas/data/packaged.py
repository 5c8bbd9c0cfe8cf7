"""Real handwritten digits that come with the library: nothing to download."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from ganvas.data.items import Collection, Items

DIGITS = tuple(str(digit) for digit in range(10))


def digits() -> Collection:
    """Return 8,000 training and 2,000 held-out MNIST digits, 28×28 grey, as many of each class.

    The file also records each image's index in the standard MNIST files; see
    ``packaged/ATTRIBUTION.md``.
    """
    with as_file(files("ganvas.data") / "packaged" / "digits.npz") as path, np.load(path) as packed:
        splits = {
            split: Items(packed[f"x_{split}"][..., None], packed[f"y_{split}"].astype(np.int64))
            for split in ("train", "test")
        }
    return Collection("digits", splits, DIGITS)


def digits8() -> Collection:
    """Return scikit-learn's 1,797 digits, 8×8 grey; its levels 0..16 become round(255/16·level)."""
    bunch: Any = import_module("sklearn.datasets").load_digits()  # late: a second to import
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return Collection("digits8", {"train": Items(images, bunch.target.astype(np.int64))}, DIGITS)


PACKAGED: dict[str, Callable[[], Collection]] = {"digits": digits, "digits8": digits8}
"""Sets that are always there."""
