"""Sets of images in shards: tar archives in WebDataset's layout, here or elsewhere.

They are decoded once and kept like the images of a folder, or, by ``data.cache=none``, read as a
stream: block by block, in advance, and kept nowhere (docs/decisions/0011-shards.md).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from ganvas.data.items import Collection
from ganvas.data.readers.blocks import BLOCK, Blocks, Numbers
from ganvas.data.readers.braces import absolute, common_folder, expand
from ganvas.data.readers.images import Survey, read_survey
from ganvas.data.readers.index import Index, index
from ganvas.data.readers.labels_csv import LABEL
from ganvas.data.readers.layout import split_of
from ganvas.data.readers.place import File, Head, Place
from ganvas.data.readers.remote import Remote, locate
from ganvas.data.readers.streamed import Indexed, read_stream
from ganvas.data.readers.tar import Found, walk
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError

NEAR = 64
"""Images in blocks no farther apart follow one another, as far as several threads keep order."""


def read_shards(source: str, settings: DataSettings) -> Collection:
    """Read the images of shards, their classes and splits.

    Args:
        source: their names, with braces: ``shards/{000..127}.tar``.
        settings: how they become uniform, and where they are kept.

    Raises:
        UsageError: a shard is missing, damaged or not to be read; an image is broken (unless
            ``skip_broken``), or has no class where others have one; sizes differ without a rule.
    """
    found = find_shards(source, settings)
    if settings.cache == "none":
        return read_stream(found, settings)
    return read_survey(survey_shards(found, settings), settings)


def find_shards(source: str, settings: DataSettings) -> Indexed:
    """Look at shards, unless that was done before.

    Raises:
        UsageError: one is missing, damaged or not to be read.
    """
    try:
        urls = [absolute(url) for url in expand(source)]
    except ValueError as error:
        raise UsageError(f"{source} {error}.") from None
    return index_shards(source, urls, settings)


def index_shards(
    source: str,
    urls: Sequence[str],
    settings: DataSettings,
    splits: Mapping[str, Sequence[int]] | None = None,
) -> Indexed:
    """Look at the shards at some addresses, as `find_shards` does.

    Args:
        source: what they are together, for messages.
        urls: their addresses.
        settings: where the index is kept.
        splits: numbers of the shards of each split; None: as their names say.
    """
    files = locate(urls)
    top = common_folder(urls)
    names = [url.removeprefix(top) for url in urls]

    def look(number: int) -> Iterator[Found]:
        with files[number].open() as stream:
            yield from walk(stream, urls[number])

    known = index(
        names,
        look,
        of=source,
        stamp=[(file.url, file.size, file.stamp) for file in files],
        place=settings.cache,
        whole=settings.skip_broken and settings.cache == "none",
    )
    last = PurePosixPath(names[0]).stem if len(names) == 1 else PurePosixPath(top).name
    return Indexed(last, source, names, splits or _splits(names), known, TarBlocks(files, known))


def survey_shards(found: Indexed, settings: DataSettings) -> Survey:
    """Return what shards hold, as `ganvas.data.readers.images.survey` does of a folder.

    Raises:
        UsageError: an image has no class where others have one, or two have one name.
    """
    place = ShardPlace(found)
    labels, names = found.index.rows["label"], found.classes(settings)
    rows: dict[str, list[int]] = {s: found.rows(s).tolist() for s in found.splits}
    splits = {split: [place.files[row] for row in some] for split, some in rows.items()}
    columns: dict[str, dict[str, list[str]]] = {}
    if names:
        columns = {split: {LABEL: [names[labels[i]] for i in some]} for split, some in rows.items()}
    return Survey(place, splits, columns, place.others)


class ShardPlace(Place):
    """Shards as a place of files, for what decodes all of them once, in order.

    Raises:
        UsageError: two images have one name.
    """

    def __init__(self, found: Indexed) -> None:
        self.path, self.name = Path(found.where), found.name
        self._found = found
        self.broken, self.others = found.index.broken, found.index.others
        rows = found.index.rows
        beside = zip(rows["size"].tolist(), rows["crc"].tolist(), strict=True)
        self.files = [
            File(found.called(row), size, (crc,)) for row, (size, crc) in enumerate(beside)
        ]
        self._last = 0
        self._row = {file.name: row for row, file in enumerate(self.files)}
        if len(self._row) < len(self.files):
            twice = next(f.name for row, f in enumerate(self.files) if self._row[f.name] != row)
            raise UsageError(f"{found.where} holds two images {twice}: give each its own name.")

    @property
    def where(self) -> str:
        """The names of the shards, with braces."""
        return self._found.where

    def open(self, name: str) -> BinaryIO:
        """Return an image as it is stored; where they come in order, its neighbours with it."""
        row = self._row[name]
        block = int(self._found.blocks.of(row))
        before, self._last = self._last, block
        if abs(block - before) <= NEAR:
            self._found.blocks.want((block,))
        return io.BytesIO(self._found.blocks.content(row))

    def stamp(self) -> tuple[object, ...]:
        """Return nothing: the checksum of each image is known."""
        return ()

    def heads(self, files: Sequence[File]) -> list[Head]:
        """Return the heads of images, all of which have been looked at."""
        known = self._found.index
        numbers = known.rows["head"]
        return [known.heads[numbers[self._row[file.name]]] for file in files]


class TarBlocks(Blocks):
    """The images of tar archives, by runs of neighbours.

    Args:
        files: the archives.
        known: the images in them.
    """

    def __init__(self, files: Sequence[Remote], known: Index) -> None:
        super().__init__(known, BLOCK)
        self._files = files

    def extents(self) -> Numbers:
        """Return the bytes from the first image of each block to its last."""
        first, last = (self.known.rows[at] for at in (self.starts[:-1], self.starts[1:] - 1))
        return (last["offset"] + last["size"] - first["offset"]).astype(np.int64)

    def called(self, row: int) -> str:
        """Return the names of an image and of its shard."""
        return f"{self._file(row).url}/{self.known.name(row)}"

    def load(self, rows: range) -> list[memoryview]:
        """Return neighbours by one read."""
        some = self.known.rows[rows.start : rows.stop]
        starts: list[int] = some["offset"].tolist()
        ends: list[int] = (some["offset"] + some["size"]).tolist()
        content = memoryview(self._file(rows[0]).read(starts[0], ends[-1]))
        return [content[a - starts[0] : b - starts[0]] for a, b in zip(starts, ends, strict=True)]

    def _file(self, row: int) -> Remote:
        return self._files[int(self.known.rows["shard"][row])]


def _splits(names: Sequence[str]) -> dict[str, list[int]]:
    """Return which shards make up which split, by the words in their names.

    As with folders, images to test on are never trained on; where all are such, they are all there
    is, and somebody named them.
    """
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        said = (split_of(word) for word in re.split(r"[^A-Za-z]+", name.removesuffix(".tar")))
        found.setdefault(next(filter(None, said), "train"), []).append(number)
    if "train" not in found:
        return {"train": list(range(len(names)))}
    if "validation" in found and "test" not in found:
        found["test"] = found.pop("validation")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}
