"""Which items are held out of training: a random part, the same for every seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ganvas.data.laws import REFERENCE_SEED
from ganvas.errors import UsageError

Numbers = npt.NDArray[np.int64]


def held_out_rows(count: int, share: float) -> tuple[Numbers, Numbers]:
    """Return the rows of ``count`` items that are trained on, sorted, and those that are not.

    Raises:
        UsageError: fewer than two would be left, of two or more.
    """
    held = max(round(count * share), 1)
    if count - held < 2 <= count:
        raise UsageError(
            f"data.hold_out={share:g} leaves {count - held} of {count:,} items to train on, and "
            "training learns a distribution from at least 2: hold fewer out"
        )
    order = np.random.Generator(np.random.PCG64(REFERENCE_SEED)).permutation(count)
    return np.sort(order[held:]), order[:held]
