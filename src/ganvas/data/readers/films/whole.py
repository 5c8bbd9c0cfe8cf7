"""Whether a video file is as long as it says: by the sizes of its parts; nothing is decoded.

Where a file was cut between two frames, or the head of a part is damaged, decoders stop without a
word, and a shorter video seems to be there. These sizes are those of bytes; what a head says of
frames and times is not asked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from ganvas.data.readers.films import FilmError

MATROSKA, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
"""Elements of Matroska and WebM: the first, the one that holds all others, and some frames."""
BOXES = (b"ftyp", b"wide", b"free", b"skip", b"uuid", b"sidx", b"moov", b"moof", b"mdat", b"mfra")
"""Parts of MP4 and QuickTime. What follows the last of them may be anything."""
LIVE = (0, 0xFFFFFFFF)
"""Sizes of what was never closed."""


def refuse_cut(path: Path) -> None:
    """Refuse a video file that ends before its parts do, or whose parts do not fit together.

    Raises:
        FilmError: it is cut short, or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        begins = file.read(8)
        file.seek(0)
        if int.from_bytes(begins[:4]) == MATROSKA:
            _elements(file, size)
        elif begins[:4] == b"RIFF":
            _chunks(file, size)
        elif begins[4:] in BOXES:
            _boxes(file, size)


def _chunks(file: BinaryIO, size: int) -> None:
    """Go through an AVI file, which is one part, or several if it is large."""
    while (head := file.read(8))[:4] == b"RIFF":
        long = int.from_bytes(head[4:], "little")
        if long in LIVE:
            return
        _go(file, file.tell() + long, size)


def _boxes(file: BinaryIO, size: int) -> None:
    """Go through an MP4 file."""
    while (head := file.read(8))[4:] in BOXES:
        at, long = file.tell() - 8, int.from_bytes(head[:4])
        if long == 1:  # written after the name, for there are many
            long = int.from_bytes(file.read(8))
        if long < 8:  # the last one
            return
        _go(file, at + long, size)


def _elements(file: BinaryIO, size: int) -> None:
    """Go through a Matroska file, element by element, into those that hold frames."""
    _number(file, keep=True)
    _go(file, (_number(file) or 0) + file.tell(), size)
    segment, long = _number(file, keep=True), _number(file)
    if segment == SEGMENT and long is not None:  # else it was never closed: its end is nowhere
        end = file.tell() + long
        _go(file, end, size)
        file.seek(end - long)
        _inside(file, end, into=CLUSTER)


def _inside(file: BinaryIO, end: int, into: int | None = None) -> None:
    """Go through the elements before an end, and through what those of one name hold."""
    while (at := file.tell()) < end:
        name, long = _number(file, keep=True), _number(file)
        if long is None:  # one that was never closed: what it holds stands beside it
            continue
        stop = file.tell() + long
        if stop > end or not name:
            raise FilmError(f"damaged at byte {at:,}")
        if name == into:
            _inside(file, stop)
        else:
            file.seek(stop)


def _number(file: BinaryIO, *, keep: bool = False) -> int | None:
    """Return a number whose first bits tell its length, or None: all other bits are 1.

    Args:
        file: that it is read from; 0 where there is none.
        keep: whether the bits that tell the length belong to it.
    """
    first = file.read(1) or b"\0"
    if not first[0]:  # the end, or no number
        return 0
    long = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(long - 1))
    mask = (1 << 7 * long) - 1
    if keep:
        return value
    return None if value & mask == mask else value & mask


def _go(file: BinaryIO, end: int, size: int) -> None:
    """Go to where a part ends.

    Raises:
        FilmError: the file ends before.
    """
    if end > size:
        raise FilmError(f"cut short: {size:,} of {end:,} bytes are there")
    file.seek(end)
