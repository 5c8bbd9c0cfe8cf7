"""Images in Parquet files, as data sets of the Hugging Face hub lie: a block is a row group."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, cast

from ganvas.data.readers.blocks import Blocks
from ganvas.data.readers.braces import common_folder
from ganvas.data.readers.index import Index, index
from ganvas.data.readers.place import MAX_BYTES, too_large
from ganvas.data.readers.remote import Remote, locate
from ganvas.data.readers.streamed import Indexed
from ganvas.data.readers.tar import Broken, Found, Sample
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, UsageError

LABEL_COLUMNS = ("label", "labels", "fine_label")
GROUP = 2**32
"""An image's offset is the number of its row group times this, and its row in there."""


def index_parquet(
    source: str, name: str, splits: Mapping[str, Sequence[str]], settings: DataSettings
) -> Indexed:
    """Look at the images of Parquet files, unless that was done before.

    Args:
        source: what they are together, for messages.
        name: what the set is called.
        splits: their addresses by split; "train" first.
        settings: where the index is kept.

    Raises:
        UsageError: a file is missing, damaged or not to be read, or holds no images.
    """
    urls = [url for some in splits.values() for url in some]
    of = [split for split, some in splits.items() for _ in some]
    files = Files(locate(urls))
    names = [url.removeprefix(common_folder(urls)) for url in urls]
    known = index(
        names,
        files.walk,
        of=source,
        stamp=[(file.url, file.size, file.stamp) for file in files.files],
        place=settings.cache,
        classes=files.classes,
        whole=settings.skip_broken,
    )
    numbers = {split: [i for i, one in enumerate(of) if one == split] for split in splits}
    return Indexed(name, source, names, numbers, known, GroupBlocks(files, known))


class Files:
    """Parquet files with a column of images, and perhaps one of classes.

    Attributes:
        files: where they are.
        classes: names of the classes by number, where the files say some.

    Raises:
        UsageError: there is no column of images.
    """

    def __init__(self, files: Sequence[Remote]) -> None:
        self.files = files
        self._parquet: Any = import_module("pyarrow.parquet")
        self._footers: dict[int, Any] = {}
        self._lock = threading.Lock()
        with files[0].open() as stream:
            schema: Any = self._parquet.read_schema(stream)
        told: dict[bytes, bytes] = schema.metadata or {}
        about = json.loads(told.get(b"huggingface", b"{}"))
        features = cast(dict[str, Any], about.get("info", {}).get("features", {}))
        images = [name for name in schema.names if _is_image(schema.field(name).type)]
        if not images:
            raise UsageError(
                f"{files[0].url} has no column of images, whose cells hold bytes; its columns are "
                f"{', '.join(schema.names)}."
            )
        self._image = images[0]
        self._label = next((name for name in LABEL_COLUMNS if name in schema.names), None)
        self.classes = tuple[str, ...](features.get(self._label or "", {}).get("names", ()))

    def walk(self, number: int) -> Iterator[Found]:
        """Give the images of a file in order."""
        with self.files[number].open() as stream:
            file: Any = self._parquet.ParquetFile(stream)
            row = 0
            for group in range(file.metadata.num_row_groups):
                columns = [self._image, *([self._label] if self._label else [])]
                table: Any = file.read_row_group(group, columns=columns)
                labels: list[Any] = [None] * table.num_rows
                if self._label:
                    labels = table[self._label].to_pylist()
                for place, content in enumerate(_bytes(table[self._image])):
                    name = f"row {row}"
                    row += 1
                    if content is None or len(content) > MAX_BYTES:
                        reason = too_large(len(content)) if content else "no bytes are stored"
                        yield Broken(name, reason)
                        continue
                    yield Sample(name, group * GROUP + place, content, self._class(labels[place]))

    def read(self, number: int, group: int) -> list[bytes | None]:
        """Return the images of a row group."""
        file = self.files[number]
        with file.open() as stream:
            with self._lock:
                if number not in self._footers:
                    self._footers[number] = self._parquet.read_metadata(stream)
            opened: Any = self._parquet.ParquetFile(stream, metadata=self._footers[number])
            return _bytes(opened.read_row_group(group, columns=[self._image])[self._image])

    def _class(self, value: Any) -> str | None:
        if value is None or (self.classes and not 0 <= int(value) < len(self.classes)):
            return None
        return self.classes[int(value)] if self.classes else str(value)


class GroupBlocks(Blocks):
    """The images of Parquet files, by row groups.

    Args:
        files: where they are.
        known: the images in them.
    """

    def __init__(self, files: Files, known: Index) -> None:
        super().__init__(known, GROUP)
        self._files = files

    def load(self, rows: range) -> list[bytes]:
        """Return the images of one row group."""
        where = self.known.rows[rows.start : rows.stop]["offset"]
        number = int(self.known.rows["shard"][rows.start])
        images = self._files.read(number, int(where[0] // GROUP))
        places: list[int] = (where % GROUP).tolist()
        found = [images[place] if place < len(images) else None for place in places]
        if (lost := next((i for i, one in enumerate(found) if one is None), None)) is not None:
            raise GanvasError(f"{self.called(rows[lost])} is not there any more.")
        return cast(list[bytes], found)

    def called(self, row: int) -> str:
        """Return the names of an image and of its file."""
        file = self._files.files[int(self.known.rows["shard"][row])]
        return f"{file.url}, {self.known.name(row)}"


def _is_image(kind: Any) -> bool:
    """Tell whether cells of a type hold images: structures with their bytes."""
    fields = [kind.field(i).name for i in range(getattr(kind, "num_fields", 0))]
    return "bytes" in fields and "path" in fields


def _bytes(column: Any) -> list[bytes | None]:
    cells: list[Mapping[str, Any] | None] = column.to_pylist()
    return [None if cell is None else cell["bytes"] for cell in cells]
