"""Where image files lie: a place lists them, opens one at a time, and says what it leaves out."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from PIL import Image

from ganvas.data.pixels import Size
from ganvas.data.readers import braces

MAX_BYTES = 256 * 2**20
"""A larger file is not read: nothing that one image needs."""
NOT_IMAGES = frozenset(
    # The first two would start another program, the others describe images of other files.
    ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "IPTC", "MPEG")
)
"""Formats that Pillow opens by other programs, or does not decode by itself."""
SETS = (".npy", ".npz", ".csv", ".tsv", ".parquet", ".txt", ".text")
"""Ends of files that are data sets by themselves."""
LISTED = 10
"""How many files a message names."""


class File(NamedTuple):
    """A file that is an image by its name.

    Attributes:
        name: its path below the place, with slashes.
        size: its bytes.
        stamp: what changes when its content does: times of a file, checksum of a member.
    """

    name: str
    size: int
    stamp: tuple[int, ...]


class Head(NamedTuple):
    """What the head of an image file says."""

    size: Size
    grey: bool
    alpha: bool
    deep: bool


class LeftOut(NamedTuple):
    """A file or folder that is not used, and why."""

    name: str
    reason: str


class Wanted(NamedTuple):
    """Which files are looked for.

    Attributes:
        suffixes: their ends, in lower case.
        most: bytes that one may have; None: any number.
        called: one of them in words.
    """

    suffixes: tuple[str, ...]
    most: int | None
    called: str


class Place(ABC):
    """A folder or an archive.

    Attributes:
        path: where it is.
        name: what the data set is called.
        files: images by their names, sorted.
        broken: images by their names that are no regular files, or too large.
        others: everything else that is there, with the reason.
        wanted: which files those are; None: images.
    """

    wanted: Wanted | None = None
    path: Path
    name: str
    files: list[File]
    broken: list[LeftOut]
    others: list[LeftOut]

    @property
    def where(self) -> str:
        """Where it is, for messages."""
        return str(self.path)

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Return a file's content, `MAX_BYTES` at most.

        Raises:
            OSError: it cannot be read.
        """

    @abstractmethod
    def stamp(self) -> tuple[object, ...]:
        """Return what tells this place from another with files of the same names."""

    def heads(self, files: Sequence[File]) -> Sequence[Head] | None:
        """Return the heads of files where they are known already, else None."""
        return None

    def text(self, name: str) -> bytes | None:
        """Return the content of a file beside the images, or None where there is none."""
        if not any(other.name == name for other in self.others):
            return None
        with self.open(name) as stream:
            return stream.read()

    def _note(self, name: str, size: int, stamp: tuple[int, ...]) -> None:
        """Enter a regular file where it belongs."""
        wanted = self.wanted or Wanted(suffixes(), MAX_BYTES, "an image")
        if not name.lower().endswith(wanted.suffixes):
            self.others.append(LeftOut(name, _kind(name, wanted)))
        elif wanted.most is not None and size > wanted.most:
            self.broken.append(LeftOut(name, too_large(size)))
        else:
            self.files.append(File(name, size, stamp))


@cache
def formats() -> tuple[str, ...]:
    """Return the formats that Pillow decodes by itself."""
    Image.init()
    return tuple(name for name in Image.ID if name in Image.OPEN and name not in NOT_IMAGES)


@cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes of files that Pillow reads, in lower case."""
    known = formats()
    return tuple(end for end, name in Image.registered_extensions().items() if name in known)


def hidden(name: str) -> bool:
    """Tell whether a file or folder is one that people are not printable."""
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def open_regular(path: Path) -> BinaryIO:
    """Open a file that is a regular one of at most `MAX_BYTES`; a device or pipe never blocks.

    Raises:
        OSError: it is not.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    found = os.fstat(number)
    if reason := irregular(found) or (found.st_size > MAX_BYTES and too_large(found.st_size)):
        os.close(number)
        raise OSError(reason)
    return os.fdopen(number, "rb")


def irregular(found: os.stat_result) -> str:
    """Return what a file is if it is no regular one, else nothing."""
    if stat.S_ISREG(found.st_mode):
        return ""
    kinds = (
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISDIR, "a folder"),
    )
    kind = next((word for test, word in kinds if test(found.st_mode)), "of an unknown kind")
    return f"{kind}, not a regular file"


def too_large(size: int) -> str:
    """Say that so many bytes are too many."""
    return f"{size / 2**20:,.0f} MiB; files above {MAX_BYTES // 2**20} MiB are not read"


def grouped(left_out: Iterable[LeftOut]) -> list[str]:
    """Return one line per reason: how many, why, and which first."""
    first: dict[str, str] = {}
    counts = Counter[str]()
    for one in left_out:
        first.setdefault(one.reason, one.name)
        counts[one.reason] += 1
    return [
        f"{count:,} {reason} ({'' if count == 1 else 'first '}{printable(first[reason])})"
        for reason, count in counts.most_common()
    ]


def nothing_in(place: Place, others: Sequence[LeftOut], called: str) -> str:
    """Say that nothing of the kind that was looked for is there, what is, and how that is given."""
    found = "; ".join(grouped(others)[:3]) or "it is empty"
    names = [other.name for other in others]
    hint = ""
    if any(name.endswith(braces.SUFFIX) for name in names):
        hint = f" Shards are named in braces: '{place.where}/{{000..127}}{braces.SUFFIX}'."
    elif alone := next((name for name in names if name.lower().endswith(SETS)), None):
        hint = f" A file of many items is given by its own name: '{place.where}/{alone}'."
    return f"There is no {called} that can be read in {place.where}: {found}.{hint}"


def listing(files: Sequence[LeftOut], indent: int = 2) -> str:
    """Return one indented line per file, the rest as a number."""
    lines = [f"{printable(one.name)}: {one.reason}" for one in files[:LISTED]]
    if len(files) > LISTED:
        lines.append(f"… and {len(files) - LISTED} more")
    return "\n".join(" " * indent + line for line in lines)


def printable(name: str) -> str:
    """Return a name as it can be printed: bytes that are no text and control signs escaped."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _kind(name: str, wanted: Wanted) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return f"{suffix} file, not {wanted.called}" if suffix else "file without a suffix"
