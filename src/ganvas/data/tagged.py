"""Features of items and the tags of each: one pair of features and tag is what is trained on.

Three forms: an .npz file with the arrays ``features`` (N, F) and ``tags`` (N,), a folder with
``features.npy`` and ``tags.csv``, or a ``.npy`` file and ``data.tags=FILE.csv``. Tags stand in one
cell of text, ``;`` between them; row i is about item i. Words have vectors from a file of their
own, ``data.words``.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ganvas.data.arrays import load_arrays
from ganvas.data.domains.tags import BETWEEN
from ganvas.data.domains.words import WordOptions
from ganvas.data.items import require_several
from ganvas.data.readers.fields import TAGS
from ganvas.data.readers.utf8 import decoded
from ganvas.data.settings import DataSettings
from ganvas.data.words import Vocabulary, read_words
from ganvas.errors import UsageError
from ganvas.files import misspelt, require_access

Index = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

FEATURES: Final = "features"
FEATURE_FILE, TAG_FILE = "features.npy", "tags.csv"


@dataclass(frozen=True)
class Tagged:
    """Items and their tags.

    Attributes:
        name: what the set is called.
        features: (N, F) float32.
        pairs: (P, 2) int64, which item has which word of the vocabulary; in order.
        vocabulary: the words with their vectors.
        skipped: words of items that have no vector and were left out, and how often they were met.
    """

    name: str
    features: Float32
    pairs: Index
    vocabulary: Vocabulary
    skipped: tuple[tuple[str, int], ...] = ()

    def lists(self) -> list[list[str]]:
        """Return the words of each item."""
        item, word = self.pairs.T
        found: list[list[str]] = [[] for _ in self.features]
        for at, which in zip(item.tolist(), word.tolist(), strict=True):
            found[at].append(self.vocabulary.words[which])
        return found


def is_tagged(source: str, settings: WordOptions | None = None) -> bool:
    """Tell whether ``source`` points at features with tags."""
    path = Path(source).expanduser()
    if path.is_dir():
        require_access(path, os.R_OK | os.X_OK)
        return (path / FEATURE_FILE).is_file() and (path / TAG_FILE).is_file()
    if path.suffix == ".npz" and path.is_file():
        return {f"{FEATURES}.npy", f"{TAGS}.npy"} <= set(_members(path))
    return path.suffix == ".npy" and settings is not None and settings.tags is not None


def read_tagged(settings: DataSettings) -> Tagged:
    """Read features and tags, and pair them with the words' vectors.

    Raises:
        UsageError: they differ in number, are no numbers or words, or a word has no vector.
    """
    path, asked = Path(settings.source).expanduser(), settings.of(WordOptions)
    features, lists = features_and_tags(path, asked)
    if asked.words is None:
        raise UsageError(
            f"{path} holds features and tags; say where the vectors of the words are: "
            f"data.words=FILE.npz, which `ganvas words {path} --out FILE.npz` makes"
        )
    known = read_words(Path(asked.words).expanduser())
    return paired(path.stem, features, lists, known, asked)


def with_words(tagged: Tagged, settings: DataSettings) -> Tagged:
    """Return tagged items with the vectors of ``data.words``, where that is given.

    Raises:
        UsageError: a word has no vector and may not be skipped.
    """
    asked = settings.of(WordOptions)
    if asked.words is None:
        return tagged
    lists = [(f"{tagged.name}, item {item}", words) for item, words in enumerate(tagged.lists())]
    known = read_words(Path(asked.words).expanduser())
    return paired(tagged.name, tagged.features, lists, known, asked)


def features_and_tags(
    path: Path, settings: WordOptions
) -> tuple[Float32, list[tuple[str, list[str]]]]:
    """Return features (N, F), and of each item where its tags stand and which they are.

    Raises:
        UsageError: they differ in number, or are no numbers or words.
    """
    if path.suffix == ".npz":
        arrays = load_arrays(path, settings.cache)
        features, words = arrays[FEATURES], arrays[TAGS]
        if words.dtype.kind != "U" or words.ndim != 1:
            raise UsageError(
                f"{path}: '{TAGS}' is {words.dtype} of shape {words.shape}; expected text (N,), "
                f"the tags of an item with '{BETWEEN}' between"
            )
        lists = [(f"{path}, row {row}", _split(str(cell))) for row, cell in enumerate(words)]
        of = f"{path}: "
    else:
        table = Path(settings.tags).expanduser() if settings.tags else path / TAG_FILE
        array = path / FEATURE_FILE if path.is_dir() else path
        if not table.is_file():
            raise UsageError(f"data.tags={table}: there is no such file{misspelt(table)}")
        features = next(iter(load_arrays(array, settings.cache).values()))
        lists = read_tags(table)
        of = f"{array} and {table}: "
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise UsageError(
            f"{of}features are {features.dtype} of shape {features.shape}; expected numbers (N, F)"
        )
    if len(features) != len(lists):
        raise UsageError(
            f"{of}{len(features):,} rows of features and {len(lists):,} of tags; expected one "
            "each for every item"
        )
    broken = ~np.isfinite(features).all(axis=1)
    if broken.any():
        raise UsageError(
            f"{of}features hold NaN or infinite values, first in row {int(broken.argmax())}"
        )
    return features.astype(np.float32), lists


def read_tags(path: Path) -> list[tuple[str, list[str]]]:
    """Return of each line of a tags.csv where it stands, and its tags.

    The header names the column ``tags``; other columns are not read. `ganvas tag` writes such
    files.

    Raises:
        UsageError: it is no such table.
    """
    reader = csv.reader(io.StringIO(decoded(path, path.read_bytes()), newline=""))
    header = [cell.strip().lower() for cell in next(reader, list[str]())]
    if TAGS not in header:
        raise UsageError(
            f"{path} must begin with a header that names the column '{TAGS}'; it begins with "
            f"'{','.join(header)[:80]}'."
        )
    at, found = header.index(TAGS), list[tuple[str, list[str]]]()
    for cells in reader:
        if len(header) == 1 and not cells:  # an empty line: an item without tags
            cells = [""]
        if len(cells) != len(header):
            raise UsageError(
                f"{path}, line {reader.line_num}: expected '{','.join(header)}', found "
                f"{[cell[:40] for cell in cells]}."
            )
        found.append((f"{path}, line {reader.line_num}", _split(cells[at])))
    return found


def paired(
    name: str,
    features: Float32,
    lists: Sequence[tuple[str, list[str]]],
    known: Vocabulary,
    settings: WordOptions,
) -> Tagged:
    """Return a pair for each item and tag; none of items without.

    Raises:
        UsageError: a word has no vector and may not be skipped, or there are no pairs.
    """
    pairs, lost = list[tuple[int, int]](), dict[str, int]()
    for item, (where, tags) in enumerate(lists):
        for tag in dict.fromkeys(tags):
            if settings.skip_unknown and tag not in known.index:
                lost[tag] = lost.get(tag, 0) + 1
            else:
                pairs.append((item, known.find(tag, where)))
    require_several(f"{name}, with tags that have vectors,", len({item for item, _ in pairs}))
    return Tagged(name, features, np.array(pairs, np.int64), known, tuple(lost.items()))


def _split(cell: str) -> list[str]:
    return [tag.strip() for tag in cell.split(BETWEEN) if tag.strip()]


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []
