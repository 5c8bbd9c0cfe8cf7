"""Data in memory: arrays, and data frames of whatever library, as the arrays of an .npz file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ganvas.data.readers.table import Part, Table, checked_names, details
from ganvas.data.records import LABEL
from ganvas.errors import UsageError

AnyArray = npt.NDArray[Any]
NAME = "data"
"""What data without a name are called."""
REALS = (int, float, np.number, np.bool_)


def arrays_of(data: object) -> dict[str, AnyArray]:
    """Return data in memory under the names that they have in an .npz file.

    Args:
        data: an array (N, …), anything that becomes one, a mapping of names to arrays, such as
            ``{"x": x, "y": labels}``, or a data frame or structured array of named columns.

    Raises:
        UsageError: it is none of these, or a column holds no numbers.
    """
    columns = _columns(data)
    if columns is not None:
        return _of_table(_Frame(columns))
    if isinstance(data, Mapping):
        return {str(k): _array(v) for k, v in cast(Mapping[Any, object], data).items()}
    return {"x": _array(data)}


class _Frame(Table):
    """Named columns in memory."""

    where = NAME

    def __init__(self, columns: Mapping[str, AnyArray]) -> None:
        self._columns = {name: v for name, v in columns.items() if name != LABEL}
        self._labels = columns.get(LABEL)
        self.names = checked_names(self.where, list(self._columns))
        if not self._columns:
            raise UsageError(f"{self.where} has no column of numbers beside '{LABEL}'.")

    def parts(self) -> Iterator[Part]:
        """Give all rows at once."""
        columns = [self._numbers(i, v) for i, v in enumerate(self._columns.values())]
        whole = np.array([column.dtype.kind in "biu" for column in columns])
        labels = None if self._labels is None else [str(label) for label in self._labels.tolist()]
        yield Part(np.stack([c.astype(np.float64) for c in columns], axis=1), whole, labels)

    def _numbers(self, place: int, values: AnyArray) -> AnyArray:
        if values.dtype.kind == "O":
            bad = (i for i, value in enumerate(values) if not isinstance(value, REALS))
            if (row := next(bad, None)) is not None:
                raise self.no_number(f"row {row}", place, values[row])
            values = np.array(values.tolist())
        if values.dtype.kind not in "biuf":
            raise UsageError(
                f"{self.where}: {self.shown(place)} is of type {values.dtype}, which are no "
                "numbers. One class for each row is a column "
                f"'{LABEL}'; leave others out, or write them as numbers."
            )
        finite = np.isfinite(values)
        if not finite.all():
            row = int(np.argmin(finite))
            raise self.no_number(f"row {row}", place, values[row])
        return values


def _of_table(table: _Frame) -> dict[str, AnyArray]:
    (part,) = table.parts()
    known = details(table.names, part.whole.tolist())
    found: dict[str, AnyArray] = {"x": part.numbers, "whole": part.whole}
    if known["called"]:
        found["columns"] = np.array(known["called"])
    return found if part.labels is None else {**found, "y": np.array(part.labels)}


def _columns(data: object) -> dict[str, AnyArray] | None:
    """Return the columns of a data frame, an Arrow table or a structured array; else None."""
    table: Any = data
    if isinstance(data, np.ndarray):
        fields = table.dtype.names
        return None if fields is None else {name: table[name] for name in fields}
    names: Any = getattr(data, "column_names", getattr(data, "columns", None))
    if names is None or not isinstance(names, Iterable):
        return None
    return {str(name): np.asarray(table[name]) for name in cast(Iterable[Any], names)}


def _array(data: object) -> AnyArray:
    if hidden := _hidden(data):
        raise UsageError(
            f"data are a masked array, in which {hidden:,} numbers are hidden: leave their rows "
            "out, or fill them with array.filled(number)"
        )
    try:
        found = np.asarray(data)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UsageError(f"data of type {type(data).__name__} are no array: {error}") from None
    if found.dtype.hasobject:
        raise UsageError(
            f"data of type {type(data).__name__} are no numbers: give a file, a folder, a name, an "
            "array, a data frame, or a mapping such as {'x': x, 'y': labels}"
        )
    return found


def _hidden(data: object) -> int:
    """Return how many numbers a masked array hides; others hide none."""
    mask: Any = getattr(data, "mask", None) if np.ma.isMaskedArray(data) else None
    return int(np.sum(mask)) if mask is not None else 0
