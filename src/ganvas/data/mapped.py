"""Arrays that lie in files: read where their rows are asked for, and never as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]


class LazyRows:
    """Looks like an array (N, …), and reads rows of another one when they are asked for.

    Indexed by a number, a slice or an array of numbers or truth values, it returns an array; as a
    whole (``numpy.asarray``) it reads everything.

    Args:
        array: where the rows lie.
        rows: which of its rows these are, in order; None: all.
        change: what becomes of some rows (n, …) that were read; None: nothing.
        shape: of a row after that.
        dtype: of rows after that; None: the array's.
    """

    def __init__(
        self,
        array: AnyArray,
        rows: npt.NDArray[np.int64] | None = None,
        change: Callable[[AnyArray], AnyArray] | None = None,
        shape: tuple[int, ...] | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        self._array, self._rows, self._change = array, rows, change
        self.dtype: np.dtype[Any] = array.dtype if dtype is None else np.dtype(dtype)
        count = len(array) if rows is None else len(rows)
        self.shape: tuple[int, ...] = (count, *(array.shape[1:] if shape is None else shape))
        self.ndim = len(self.shape)

    @property
    def nbytes(self) -> int:
        """What the array would take."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> AnyArray:
        """Return the rows at an index along the first axis; further axes cut these."""
        first, *rest = cast("tuple[Any, ...]", index if isinstance(index, tuple) else (index,))
        alone = isinstance(first, int | np.integer)
        rows = np.arange(len(self))[first : first + 1 or None] if alone else first
        if self._rows is not None:
            rows = self._rows[rows]
        found = np.asarray(self._array[rows])
        changed = found if self._change is None else self._change(found)
        return changed[0][tuple(rest)] if alone else changed[(slice(None), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        return self[:] if dtype is None else self[:].astype(dtype)


def is_mapped(array: object) -> bool:
    """Tell whether an array's memory is a file's."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def at_rows(array: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Return some rows of an array; of one that lies in a file when they are asked for."""
    return LazyRows(array, rows) if is_mapped(array) else array[rows]
