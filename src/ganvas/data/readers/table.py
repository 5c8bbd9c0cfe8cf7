"""Tables: rows of numbers under names, from a file or a data frame, read a part at a time."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.data.cache import key_of
from ganvas.data.columns import counts_rows, parts
from ganvas.data.items import (
    AnyArray,
    Collection,
    Items,
    encode_labels,
    refuse_huge,
    require_several,
)
from ganvas.data.records import LABEL
from ganvas.data.unpacked import SMALL, as_type, keep, require_memory, stamp
from ganvas.errors import UsageError, did_you_mean

Floats = npt.NDArray[np.float64]

CELLS = 2**18
"""Numbers that are parsed at a time."""
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "nat", "<na>", "?", "-"))
"""Words, in lower case, that say that there is no value."""

log = logging.getLogger("ganvas")


class Part(NamedTuple):
    """Some rows of a table.

    Attributes:
        numbers: float64 (n, D), all finite.
        whole: which columns were written as whole numbers, (D,).
        labels: the class of each row, if the table has a column ``label``.
    """

    numbers: Floats
    whole: npt.NDArray[np.bool_]
    labels: list[str] | None


class Table(ABC):
    """A table of a user's.

    Attributes:
        where: what it is, for messages.
        names: of the columns of numbers, in order; an empty word where one has none.
        labelled: whether there is a column of classes beside them.
        rows: how many there are, about.
    """

    where: str
    names: tuple[str, ...]
    labelled: bool = False
    rows: int = 0

    @property
    def width(self) -> int:
        """How many columns there are, with that of the classes."""
        return len(self.names) + self.labelled

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Give all rows in order.

        Raises:
            UsageError: a row or a cell is no good; the message says which.
        """

    def shown(self, column: int) -> str:
        """Return a column's name as it stands in messages."""
        return f"column '{name}'" if (name := self.names[column]) else f"column {column + 1}"

    def no_number(self, place: str, column: int, value: object) -> UsageError:
        """Return what is said of a cell that holds no number, or none at all."""
        word = str(value).strip()
        if word.lower() in MISSING:
            told = f" ('{word}')" if word else ""
            return UsageError(
                f"{self.where}, {place}: {self.shown(column)} has no value{told}. Nothing is "
                "filled in: leave such rows or columns out, or put a number there."
            )
        return UsageError(
            f"{self.where}, {place}: {self.shown(column)} holds '{word[:40]}', which is no finite "
            f"number. One class for each row is a column '{LABEL}'; write other words as numbers, "
            f"such as one column of 0 and 1 for each.{self.advice()}"
        )

    def advice(self) -> str:
        """Return what else the table may be, for a message."""
        return ""


def collected(table: Table, path: Path, cache: str = "auto") -> Collection:
    """Return a table as points with names, and classes if it has a column of labels.

    A first column without a name that counts the rows is left out, with a warning: data frames
    write their index so. Large tables are kept as numbers in the cache.

    Raises:
        UsageError: a cell holds no number, or there are too few rows.
    """
    seen = _Seen()
    if cache == "memory" or table.rows * table.width * 8 < SMALL:
        require_memory(table.where, table.rows * table.width * 8)
        rows = [seen.take(part) for part in table.parts()]
        x = np.concatenate(rows) if rows else np.empty((0, table.width))
    else:
        x = _kept(table, path, cache, seen)
    require_several(table.where, len(x), least=1)
    names, whole = list(table.names), seen.whole
    labels, classes = None, tuple[str, ...]()
    if seen.codes:  # the last column
        encoded, classes = encode_labels({"train": list(seen.codes)})
        labels, x = encoded["train"][x[:, -1].astype(np.int64)], x[:, :-1]
    if names and not names[0] and x.shape[1] > 1 and counts_rows(x, 0):
        log.warning("%s: left out the first column, which only counts the rows", table.where)
        x, whole, names = x[:, 1:], whole[1:], names[1:]
    for part in parts(x):
        refuse_huge(table.where, x[part])
    known = details(names, whole)
    return Collection(path.stem, {"train": Items(x, labels)}, classes, "points", details=known)


class _Seen:
    """What is known of a table once its rows have gone by.

    Attributes:
        whole: which columns were always written as whole numbers.
        codes: the number of each class, in the order in which they came.
    """

    def __init__(self) -> None:
        self.whole: list[bool] = []
        self.codes: dict[str, int] = {}

    def take(self, part: Part) -> Floats:
        """Return the rows (n, D), and the number of the class of each as a last column if any."""
        whole = part.whole.tolist()
        before = self.whole or whole
        self.whole = [a and b for a, b in zip(before, whole, strict=True)]
        if part.labels is None:
            return part.numbers
        codes = [self.codes.setdefault(label, len(self.codes)) for label in part.labels]
        return np.column_stack([part.numbers, np.array(codes, np.float64)])


def _kept(table: Table, path: Path, cache: str, seen: _Seen) -> Floats:
    """Return the rows of a large table, read once into the cache."""

    def make() -> tuple[dict[str, Any], Iterator[AnyArray]]:
        about: dict[str, Any] = {}

        def rows() -> Iterator[AnyArray]:
            for part in table.parts():
                yield np.ascontiguousarray(seen.take(part)).view(np.uint8)
            about.update(whole=seen.whole, codes=seen.codes)

        return about, rows()

    key = key_of("table", *stamp(path))
    stored = keep(path, key, cache, table.rows, table.width * 8, make)
    seen.whole, seen.codes = stored.about["whole"], stored.about["codes"]
    return as_type(stored, np.dtype(np.float64)).reshape(-1, table.width)


def details(names: Sequence[str], whole: Sequence[bool]) -> dict[str, Any]:
    """Return what the domain of points is told of columns; names only where there are some."""
    called = [name or f"column {i}" for i, name in enumerate(names, 1)] if any(names) else []
    return {"called": called, "whole": list(whole) if any(whole) else []}


def arranged(collection: Collection, names: Sequence[str]) -> Collection:
    """Return a table's columns in the order of those that a model knows, where both have names.

    Raises:
        UsageError: the table lacks one of them.
    """
    called: Sequence[str] = collection.details.get("called", ())
    if not names or not called or list(called) == list(names):
        return collection
    if lacking := [name for name in names if name not in called]:
        raise UsageError(
            f"{collection.name} has no column '{lacking[0]}', which the model was trained with."
            f"{did_you_mean(lacking[0], called)} It has: {', '.join(called)}"
        )
    order = [called.index(name) for name in names]
    whole: Sequence[bool] = collection.details["whole"]
    known = {"called": list(names), "whole": [whole[i] for i in order] if whole else []}
    splits = {k: v.replace(**{v.main: v.x[:, order]}) for k, v in collection.splits.items()}
    return replace(collection, splits=splits, details=known)


def checked_names(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the stripped names of columns.

    Raises:
        UsageError: two are equal.
    """
    words = tuple(name.strip() for name in names)
    if twice := next((w for i, w in enumerate(words) if w and w in words[:i]), None):
        raise UsageError(f"{where} has two columns '{twice}'; give each its own name.")
    return words
