"""Tables in Parquet files, through the optional ``pyarrow`` package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ganvas.data.readers.table import CELLS, Part, Table, checked_names
from ganvas.data.records import LABEL
from ganvas.errors import UsageError
from ganvas.loading import extra

SUFFIX = ".parquet"
INDEX = "__index_level_"
"""What pandas calls the columns in which it keeps an index."""


class ParquetTable(Table):
    """A file of typed columns.

    Raises:
        UsageError: ``pyarrow`` is not installed, the file is damaged, or a column holds no numbers.
    """

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._arrow = _library(self.where, "pyarrow")
        parquet = _library(self.where, "pyarrow.parquet")
        try:
            self._file: Any = parquet.ParquetFile(str(path))
            schema: Any = self._file.schema_arrow
        except Exception as error:  # its own errors share no base class with those of the disk
            raise self._damaged(error) from None
        named = [name for name in schema.names if not str(name).startswith(INDEX)]
        checked_names(self.where, named)
        self._columns = [name for name in named if name != LABEL]
        self.labelled, self.rows = LABEL in named, int(self._file.metadata.num_rows)
        if not self._columns:
            raise UsageError(f"{path} has no column beside '{LABEL}'; expected numbers.")
        kinds = _library(self.where, "pyarrow.types")
        for name in self._columns:
            kind: Any = schema.field(name).type
            tests = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_decimal)
            if not any(test(kind) for test in tests):
                raise UsageError(
                    f"{path}: column '{name}' is of type {kind}, which are no numbers. One class "
                    f"for each row is a column '{LABEL}'; leave others out, or write them as "
                    "numbers."
                )
        whole = [kinds.is_integer(t) or kinds.is_boolean(t) for t in map(self._type, self._columns)]
        self._whole = np.array(whole)
        self.names = tuple(self._columns)

    def parts(self) -> Iterator[Part]:
        """Give all rows in order.

        Raises:
            UsageError: a value is missing or not finite, or the file is damaged.
        """
        asked = [*self._columns, *([LABEL] if self.labelled else [])]
        batches = self._file.iter_batches(max(CELLS // len(asked), 1), columns=asked)
        start = 0
        while (batch := self._next(batches)) is not None:
            values = np.empty((batch.num_rows, len(self._columns)))
            for i, name in enumerate(self._columns):
                column = batch.column(name).cast(self._arrow.float64(), safe=False)
                values[:, i] = column.to_numpy(zero_copy_only=False)  # what is missing is NaN
            if not (finite := np.isfinite(values)).all():
                row, i = np.argwhere(~finite)[0].tolist()
                raise self.no_number(f"row {start + row}", i, values[row, i])
            labels = None
            if self.labelled:
                column = batch.column(LABEL)
                labels = [str(label) for label in column.to_pylist()]
                if column.null_count:
                    raise UsageError(f"{self.where}: column '{LABEL}' has rows without a value.")
            yield Part(values, self._whole, labels)
            start += batch.num_rows

    def _type(self, name: str) -> Any:
        return self._file.schema_arrow.field(name).type

    def _next(self, batches: Iterator[Any]) -> Any:
        try:
            return next(batches, None)
        except Exception as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> UsageError:
        reason = " ".join(str(error).split())[:200]
        return UsageError(f"{self.where} cannot be read as a Parquet file: {reason}.")


def write_parquet(file: BinaryIO, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write columns (N,) under their names.

    Raises:
        UsageError: ``pyarrow`` is not installed.
    """
    arrow = _library("a .parquet file", "pyarrow")
    _library("a .parquet file", "pyarrow.parquet").write_table(arrow.table(dict(columns)), file)


def _library(what: str, name: str) -> Any:
    return extra(name, what, "tables")
