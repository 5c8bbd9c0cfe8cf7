"""Image data sets of the Hugging Face hub, through the optional ``datasets`` package.

Their rows are files like those of a folder: decoded once, a few at a time, and kept as
``data.cache`` says.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ganvas.data.items import Collection, encode_labels
from ganvas.data.readers import braces, parquet
from ganvas.data.readers.images import Survey, read_survey
from ganvas.data.readers.place import MAX_BYTES, File, Place, open_regular, too_large
from ganvas.data.readers.row_groups import LABEL_COLUMNS, index_parquet
from ganvas.data.readers.shards import index_shards
from ganvas.data.readers.streamed import Indexed, read_stream
from ganvas.data.records import LABEL
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.loading import extra

PREFIX = "hf:"
TEST_SPLITS = ("test", "validation")


def read_hub(source: str, settings: DataSettings) -> Collection:
    """Read the images of ``hf:org/name``, or of ``hf:org/name@config``.

    The first image column is used; splits "train" and "test" (else "validation") where there are
    some; classes from a ``label`` column. With ``data.cache=none`` sets of Parquet files or tar
    shards are not brought here, but read as a stream.

    Raises:
        UsageError: ``datasets`` is not installed, the id cannot be loaded, or has no images.
    """
    library = extra("datasets", source, "hub")
    name, _, config = source.removeprefix(PREFIX).partition("@")
    try:
        if settings.cache == "none":
            builder: Any = library.load_dataset_builder(name, config or None)
            if (found := _stream(source, name, builder.config.data_files, settings)) is not None:
                return read_stream(found, settings)
        loaded: Any = library.load_dataset(name, config or None)
    except UsageError:
        raise
    except Exception as error:  # its many causes share no base class
        reason = str(error).strip().split("\n")[0]
        raise UsageError(f"{source} cannot be loaded from the hub: {reason}.") from error
    chosen = _chosen(loaded)
    column = _image_column(name, chosen["train"])
    files = library.Image(decode=False)
    place = HubPlace(name, {s: t.cast_column(column, files) for s, t in chosen.items()}, column)
    found = read_survey(Survey(place, place.splits, {}, []), settings)
    return _labelled(found, place, chosen) if settings.labels else found


def _chosen(splits: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is trained on and, if there is some, what is held out."""
    train = "train" if "train" in splits else next(iter(splits))
    chosen = {"train": splits[train]}
    if test := next((key for key in TEST_SPLITS if key in splits and key != train), None):
        chosen["test"] = splits[test]
    return chosen


def _stream(source: str, name: str, data_files: Any, settings: DataSettings) -> Indexed | None:
    """Return a set that can be read as it lies: Parquet files or tar shards; None of others."""
    if not data_files:
        return None
    splits: dict[str, list[str]] = {k: list(v) for k, v in _chosen(data_files).items()}
    urls = [url for some in splits.values() for url in some]
    if all(url.endswith(parquet.SUFFIX) for url in urls):
        return index_parquet(source, Path(name).name, splits, settings)
    if all(url.endswith(braces.SUFFIX) for url in urls):
        of = [split for split, some in splits.items() for _ in some]
        numbers = {split: [i for i, one in enumerate(of) if one == split] for split in splits}
        return index_shards(source, urls, settings, numbers)
    return None


class HubPlace(Place):
    """The images of tables, each row a file.

    Args:
        name: the id of the set.
        tables: by split; their images are not decoded.
        column: the one of images.
    """

    def __init__(self, name: str, tables: Mapping[str, Any], column: str) -> None:
        self.path, self.name = Path(name), name
        self._tables, self._column = tables, column
        self._rows: dict[str, tuple[str, int]] = {}
        self.splits: dict[str, list[File]] = {}
        for split, table in tables.items():
            label = "image" if split == "train" else f"{split} image"
            names = [f"{label} {row}" for row in range(len(table))]
            self._rows |= {file: (split, row) for row, file in enumerate(names)}
            self.splits[split] = [File(file, 0, ()) for file in names]
        self.files = [file for files in self.splits.values() for file in files]
        self.broken, self.others = [], []

    def row(self, file: str) -> tuple[str, int]:
        """Return the split and the row of a file."""
        return self._rows[file]

    def open(self, name: str) -> BinaryIO:
        """Return an image as it is stored."""
        split, row = self._rows[name]
        cell: Mapping[str, Any] = self._tables[split][row][self._column]
        content: bytes | None = cell["bytes"]
        if content is None:
            return open_regular(Path(cell["path"]))
        if len(content) > MAX_BYTES:
            raise OSError(too_large(len(content)))
        return io.BytesIO(content)

    def stamp(self) -> tuple[object, ...]:
        """Return the fingerprints of the tables; of those without one, something never seen."""
        prints = [getattr(table, "_fingerprint", None) for table in self._tables.values()]
        return (self.name, *(one or secrets.token_hex(16) for one in prints))


def _image_column(name: str, table: Any) -> str:
    """Return the first column declared as images."""
    for column, feature in table.features.items():
        if type(feature).__name__ == "Image":
            return column
    raise UsageError(f"{name} has no image column; its columns are {', '.join(table.features)}.")


def _labelled(found: Collection, place: HubPlace, tables: Mapping[str, Any]) -> Collection:
    """Return the set with the classes of its tables, if they have some."""
    labels, names = _labels(tables)
    if not labels:
        return found
    splits = dict(found.splits)
    for split, items in found.splits.items():
        rows = [place.row(file) for file in found.files[split]]
        codes = np.array([labels[source][row] for source, row in rows], np.int64)
        splits[split] = items.replace(**{LABEL: codes})
    return replace(found, splits=splits, class_names=names)


def _labels(
    tables: Mapping[str, Any],
) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    features = tables["train"].features
    column = next((name for name in LABEL_COLUMNS if name in features), None)
    if column is None:
        return {}, ()
    if names := getattr(features[column], "names", None):
        labels = {split: np.array(table[column], np.int64) for split, table in tables.items()}
        return labels, tuple(names)
    return encode_labels({s: [str(v) for v in table[column]] for s, table in tables.items()})
