"""What cannot be measured says why, and takes nothing else with it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ganvas.errors import UsageError

SHOWN = 5
"""Rows listed in a message."""


class UnmeasurableError(UsageError):
    """One measure of one set has no value, for a reason; others may have theirs."""


def require_finite(values: Tensor | ArrayLike, what: str) -> None:
    """Refuse values (N, …) some of which are NaN or infinite.

    Args:
        values: one row for each item.
        what: is not finite, in the plural.

    Raises:
        UnmeasurableError: some are not finite; the message names their rows.
    """
    if broken := broken_rows(values):
        raise UnmeasurableError(f"{what} are not finite {broken}")


def broken_rows(values: Tensor | ArrayLike) -> str:
    """Return which of the rows (N, …) hold NaN or infinity, in words, or nothing if none does."""
    rows = values if isinstance(values, Tensor) else torch.from_numpy(np.asarray(values))
    fine = rows.detach().isfinite().reshape(len(rows), -1).all(1)
    return named_rows(np.flatnonzero(~fine.cpu().numpy()), len(rows))


def named_rows(broken: NDArray[np.int64], count: int) -> str:
    """Return these of ``count`` rows in words, or nothing if there are none."""
    if not len(broken):
        return ""
    more = f" and {len(broken) - SHOWN:,} more" if len(broken) > SHOWN else ""
    shown = ", ".join(map(str, broken[:SHOWN]))
    return f"in {len(broken):,} of {count:,} rows ({shown}{more})"
