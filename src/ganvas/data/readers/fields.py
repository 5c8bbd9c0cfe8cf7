"""From the columns of a table to fields: a class, several tags, or a number for each record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ganvas.data.domain import AnyArray, Domain
from ganvas.data.domains.classes import Classes
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.items import encode_labels
from ganvas.errors import UsageError

TAGS = "tags"
"""The column with any number of tags, ``;`` between them."""

Columns = Mapping[str, Sequence[str]]


def read_field(
    name: str, column: Columns, files: Columns, where: str
) -> tuple[dict[str, AnyArray], Domain]:
    """Return the arrays of a column by split, and what they are.

    Args:
        name: of the column: ``tags``, or anything else for a class, if all its words are words, or
            a number.
        column: its words by split.
        files: what each word is about, for messages.
        where: the data set, for messages.

    Raises:
        UsageError: a word of a column of numbers is none.
    """
    if name == TAGS:
        arrays, tags = Tags.read({split: list(words) for split, words in column.items()})
        return arrays, tags
    if _is_classes(column):
        labels, called = encode_labels(column)
        return dict(labels), Classes(count=len(called), called=list(called))
    numbers = {split: _numbers(name, words, files[split], where) for split, words in column.items()}
    known = Vector.around(numbers.get("train", next(iter(numbers.values()))), [name])
    return dict(numbers), known


def _is_classes(column: Columns) -> bool:
    """Whether no word of a column is a number, and each stands there twice on average."""
    words = [word for some in column.values() for word in some]
    return 2 * len(set(words)) <= len(words) and not any(_is_number(word) for word in set(words))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _numbers(name: str, words: Sequence[str], files: Sequence[str], where: str) -> AnyArray:
    """Return words as float64 (N, 1)."""
    found = np.empty((len(words), 1))
    for row, word in enumerate(words):
        try:
            found[row] = float(word)
        except ValueError:
            found[row] = np.nan
        if not np.isfinite(found[row, 0]):
            raise UsageError(
                f"{where}: column '{name}' of the labels holds '{word}' for {files[row]}, which is "
                "no finite number. One class for each image is a column 'label', several are a "
                f"column '{TAGS}' with ';' between; other columns hold numbers alone, or classes "
                "alone"
            )
    return found
