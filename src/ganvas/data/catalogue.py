"""Every name that data goes by, and reading what it stands for. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ganvas.data import arrays, standard
from ganvas.data.domains import find_domain
from ganvas.data.domains.points import PointOptions
from ganvas.data.domains.text import TextOptions
from ganvas.data.graph_files import is_graph, read_tables
from ganvas.data.graph_laws import GRAPH_NAMES, graph_law
from ganvas.data.hub import PREFIX, read_hub
from ganvas.data.items import Collection
from ganvas.data.laws import LAW_NAMES
from ganvas.data.packaged import PACKAGED, digits, digits8
from ganvas.data.procedural import kind_of, make, procedural
from ganvas.data.reader import own_reader
from ganvas.data.readers import csv_table, parquet
from ganvas.data.readers.braces import is_shards
from ganvas.data.readers.images import is_images, read_images
from ganvas.data.readers.lines import SUFFIXES as TEXTS
from ganvas.data.readers.lines import read_lines
from ganvas.data.readers.place import suffixes
from ganvas.data.readers.shards import read_shards
from ganvas.data.readers.table import Table, collected
from ganvas.data.readers.videos import is_videos
from ganvas.data.settings import DataSettings
from ganvas.data.tagged import Tagged, is_tagged
from ganvas.data.themes import themes
from ganvas.data.video_options import VideoOptions
from ganvas.errors import UsageError, did_you_mean
from ganvas.files import misspelt


@dataclass(frozen=True)
class Stack:
    """Triples of digits: where the digits come from, and how many triples are fixed (or None)."""

    read_digits: Callable[[DataSettings], Collection]
    triples: int | None = None


STACKS: dict[str, Stack] = {
    "digits_stack": Stack(lambda _: digits8()),
    "stacked_digits": Stack(lambda _: digits()),
    "smnist_online": Stack(standard.mnist),
    "smnist_fixed": Stack(standard.mnist, triples=128_000),  # PacGAN's protocol
}
"""Sets of three digits as three channels, 1,000 modes."""

AFFINE: dict[str, Callable[[DataSettings], Collection]] = {
    "affine_digits": lambda _: digits(),
    "affine_mnist": standard.mnist,
}
"""Sets of digits that are turned and moved on a canvas, anew each time they are shown."""

TAGGED: dict[str, Callable[[], Tagged]] = {"themes": themes}
"""Items with tags, made from a formula."""

TABLES: dict[str, Callable[[Path], Table]] = {
    **dict.fromkeys(csv_table.SUFFIXES, csv_table.CsvTable),
    parquet.SUFFIX: parquet.ParquetTable,
}
"""Tables of points, by the suffixes of their files."""

DATA_NAMES: tuple[str, ...] = (
    *(*LAW_NAMES, *GRAPH_NAMES, *PACKAGED, *procedural(), *STACKS, *AFFINE, *TAGGED),
    *(*standard.STANDARD, *standard.FILMED),
)
"""Names of all data sets that are not a path or a hub id."""


def read(settings: DataSettings) -> Collection:
    """Read a packaged or standard set, a path or a hub id, all items in their final form.

    Raises:
        UsageError: it is not there, is broken, or does not fit the settings.
    """
    name = settings.source
    if name in GRAPH_NAMES:
        return graph_law(name).collection
    if name in PACKAGED:
        return conformed(PACKAGED[name](), settings)
    if name in procedural():
        return conformed(make(name, settings), settings)
    if name in standard.STANDARD:
        return conformed(standard.STANDARD[name](settings), settings)
    if (videos := find_videos(settings)) is not None:
        from ganvas.data.clips import open_clips  # a source: it needs torch

        return open_clips(*videos).collection
    if name.startswith(PREFIX):
        return read_hub(name, settings)
    if is_shards(name):
        return read_shards(name, settings)
    path = find_path(name)
    if settings.of(TextOptions).lines and path.is_file():
        return conformed(read_lines(path), settings)
    if is_graph(path, settings.of(PointOptions).links):
        return read_tables(path)
    if is_images(path):
        return read_images(path, settings)
    if (table := TABLES.get(path.suffix.lower())) is not None:
        return collected(table(path), path, settings.cache)
    if path.suffix.lower() not in arrays.SUFFIXES:
        return conformed(read_lines(path), settings)
    return conformed(arrays.read_file(path, settings.cache), settings)


def find_videos(settings: DataSettings) -> tuple[Path, DataSettings] | None:
    """Return the video, or the folder of some, that a source is, and how it is read; else None.

    Raises:
        UsageError: there is nothing of this name.
    """
    name = settings.source
    if (known := standard.FILMED.get(name)) is not None:
        return known(settings)
    if name in DATA_NAMES or name.startswith(PREFIX) or is_shards(name):
        return None
    path = Path(name).expanduser()
    if is_videos(path, settings.of(VideoOptions)):
        return path, settings
    find_path(name)  # that nothing is there is told here
    return None


def likely_kind(source: str) -> str:
    """Return the kind of data that ``source`` holds as far as its name tells, else nothing."""
    path = Path(source).expanduser()
    if source in TAGGED or (path.is_dir() and is_tagged(source)):
        return "words"
    if own_reader(source) is not None or source.startswith(PREFIX) or path.suffix == ".npz":
        return ""
    if source in LAW_NAMES or (path.suffix.lower() in TABLES and not is_graph(path)):
        return "points"
    if source in procedural():
        return kind_of(source)
    if source in standard.FILMED:
        return "videos"
    if path.suffix.lower() in TEXTS:
        return "text"
    if source in GRAPH_NAMES or (path.exists() and is_graph(path)):
        return "graph"
    if path.is_dir() or is_videos(path, VideoOptions()):
        return "videos"  # or images, of which they know all settings
    return arrays.kind_of_file(path) if path.suffix == ".npy" else "images"


def find_path(name: str) -> Path:
    """Return the folder, or the archive, array, table or text, that ``name`` points at.

    Raises:
        UsageError: nothing is there, or a single image; a misspelt name of a known set.
    """
    path = Path(name).expanduser()
    if is_images(path) and path.exists():
        return path
    if path.is_file() and path.suffix.lower() not in suffixes():
        return path
    if path.is_file():
        raise UsageError(
            f"{path} is one {path.suffix} file; expected a folder of images, a .zip archive or "
            ".tar shards of them, a .npy or .npz file, a table as .csv, .tsv or .parquet, or text."
        )
    if os.sep in name or "/" in name or path.suffix:
        raise UsageError(
            f"There is no file or folder {path} (looked from {Path.cwd()}){misspelt(path)}"
        )
    hint = did_you_mean(name, DATA_NAMES) or misspelt(path).removeprefix(".")
    raise UsageError(
        f"Unknown data '{name}': no file, folder or known set.{hint} "
        f"Known sets are {', '.join(DATA_NAMES)}."
    )


def conformed(collection: Collection, settings: DataSettings) -> Collection:
    """Return the set in the form that the settings ask for, as its kind of data has it.

    Raises:
        UsageError: the items have another form and no rule says how they get there.
    """
    return find_domain(collection.kind).conformed(collection, settings)
