"""Tables as text: values with commas, semicolons or tabulators between, below their names."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ganvas.data.readers.table import CELLS, MISSING, Floats, Part, Table, checked_names
from ganvas.data.records import LABEL
from ganvas.errors import UsageError

SUFFIXES = (".csv", ".tsv")
SEPARATORS = ",;\t"
LONGEST = 2**24
"""Characters of a line, at most."""
SAMPLE = 2**20
"""Bytes from which the number of rows is estimated."""
WRITTEN = 2**14
"""Rows that are written at a time."""
TRUTH = {"true": "1", "false": "0"}


class CsvTable(Table):
    """A text file whose first line names the columns, unless it holds numbers only.

    Raises:
        UsageError: it cannot be read, or has no columns.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.where = path, str(path)
        self._separator = ","
        first = next(self._lines(), None)
        if first is None:
            raise UsageError(f"{path} is empty; expected a table with a row for each point.")
        self._separator = max(SEPARATORS, key="".join(first[1]).count)
        _, cells = next(self._lines())
        self._headed = any(not _is_number(cell) for cell in cells)
        words = checked_names(self.where, cells if self._headed else [""] * len(cells))
        self._width = len(words)
        self._label = words.index(LABEL) if LABEL in words else None
        self.labelled = self._label is not None
        self._columns = [i for i in range(len(words)) if i != self._label]
        self.names = tuple(words[i] for i in self._columns)
        if not self._columns:
            raise UsageError(f"{path} has no column beside '{LABEL}'; expected numbers.")
        self.rows = self._estimate()

    def parts(self) -> Iterator[Part]:
        """Give all rows in order.

        Raises:
            UsageError: a line has more or fewer cells than the first, or a cell holds no number.
        """
        most = max(CELLS // self._width, 1)
        rows: list[list[str]] = []
        numbers: list[int] = []
        lines = self._lines()
        if self._headed:
            next(lines)
        for number, cells in lines:
            if len(cells) != self._width:
                raise UsageError(
                    f"{self.where}, line {number}: expected {self._width} values with "
                    f"'{self._separator}' between, as in the first line, found {len(cells)}."
                )
            rows.append(cells)
            numbers.append(number)
            if len(rows) == most:
                yield self._parsed(rows, numbers)
                rows, numbers = [], []
        if rows:
            yield self._parsed(rows, numbers)

    def _estimate(self) -> int:
        """Return how many rows there are, from the length of the first ones."""
        with self._path.open("rb") as file:
            head = file.read(SAMPLE)
        lines = max(head.count(b"\n"), 1)
        return math.ceil(self._path.stat().st_size * lines / max(len(head), 1))

    def advice(self) -> str:
        """Say how a table of two columns is read as links between nodes."""
        if len(self.names) != 2:
            return ""
        return (
            " If each row is a link between two nodes of a graph: data.links=true, or call the "
            "file links.csv."
        )

    def _parsed(self, rows: list[list[str]], numbers: list[int]) -> Part:
        cells = [[row[i] for i in self._columns] for row in rows]
        try:
            values = np.array(cells, np.float64)
        except ValueError:
            values = self._by_word(cells, numbers)
        if not (finite := np.isfinite(values)).all():
            row, column = (int(place) for place in np.argwhere(~finite)[0])
            raise self.no_number(f"line {numbers[row]}", column, cells[row][column])
        whole = (values == np.rint(values)).all(axis=0)
        for column in np.flatnonzero(whole).tolist():
            whole[column] = all(_is_whole(row[column]) for row in cells)
        labels = None if self._label is None else [row[self._label].strip() for row in rows]
        if labels is not None and "" in labels:
            line = numbers[labels.index("")]
            raise UsageError(f"{self.where}, line {line}: column '{LABEL}' is empty.")
        return Part(values, whole, labels)

    def _by_word(self, cells: list[list[str]], numbers: list[int]) -> Floats:
        """Return numbers among which there are true and false, or say what is none."""
        values = np.empty((len(cells), len(self._columns)))
        for line, row, into in zip(numbers, cells, values, strict=True):
            for column, word in enumerate(row):
                try:
                    into[column] = float(TRUTH.get(word.strip().lower(), word))
                except ValueError:
                    raise self.no_number(f"line {line}", column, word) from None
        return values

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Give the cells of every line that is not empty, and its number."""
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(self._bounded(file), delimiter=self._separator)
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield reader.line_num, cells
        except UnicodeDecodeError:
            raise UsageError(f"{self.where} is not UTF-8; save the table as UTF-8.") from None
        except csv.Error as error:
            raise UsageError(f"{self.where} cannot be read as a table: {error}.") from None

    def _bounded(self, file: io.TextIOBase) -> Iterator[str]:
        while line := file.readline(LONGEST):
            if len(line) == LONGEST and line[-1] != "\n":
                raise UsageError(f"{self.where} has a line of more than {LONGEST:,} characters.")
            yield line


def write_csv(file: BinaryIO, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write columns (N,) below their names, with as many digits as read back to the same numbers.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    count = len(next(iter(columns.values())))
    for start in range(0, count, WRITTEN):
        part = [column[start : start + WRITTEN] for column in columns.values()]
        table.writerows(zip(*map(_words, part), strict=True))
    text.flush()
    text.detach()


def _words(column: npt.NDArray[Any]) -> list[Any]:
    """Return numbers as the module csv writes them: those of 32 bits are no floats to it."""
    return column.astype(np.str_).tolist() if column.dtype == np.float32 else column.tolist()


def _is_whole(word: str) -> bool:
    return word.strip().lower() in TRUTH or not set(word) & set(".eE")


def _is_number(word: str) -> bool:
    if word.strip().lower() in MISSING:
        return True  # of a row whose value is missing, and not of names
    try:
        float(word)
    except ValueError:
        return False
    return True
