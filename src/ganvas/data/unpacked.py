"""Large arrays that do not fit into memory: mapped where they lie, or unpacked once into the cache.

The cache keeps rows of bytes, whatever they mean (`ganvas.data.cache`).
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ganvas.data.cache import Cache, Stored, key_of, user_cache
from ganvas.data.memory import amount, free_memory
from ganvas.errors import UsageError

AnyArray = npt.NDArray[Any]
Rows = Iterator[AnyArray]

SMALL = 64 * 2**20
"""Arrays of fewer bytes are read into memory."""
SPARE = 0.9
"""Share of the free memory that an array may take."""
READ = 2**22
"""Bytes that are read at a time."""
LOCAL = 30
"""Bytes of a zip archive's local header before the name and the extra field."""

log = logging.getLogger("ganvas")


def mapped_member(path: Path, member: zipfile.ZipInfo, cache: str) -> AnyArray:
    """Return the array of a member of an .npz file without reading it into memory.

    Raises:
        UsageError: it is compressed, and may not be unpacked, or there is no room.
        ValueError: it is damaged.
    """
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        shape, fortran, dtype = _header(file)
        head = file.tell()
        if member.compress_type == zipfile.ZIP_STORED:
            while file.read(READ):  # to the end: the checksum is compared there
                pass
            start, order = _start(path, member) + head, "F" if fortran else "C"
            return np.memmap(path, dtype, "r", start, shape, order)
    lying = shape[::-1] if fortran else shape
    row = max(int(np.prod(lying[1:], dtype=np.int64)) * dtype.itemsize, 1)

    def rows() -> Rows:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            file.read(head)
            while content := file.read(max(READ // row, 1) * row):
                yield np.frombuffer(content, np.uint8).reshape(-1, row)

    key = key_of("npz", *stamp(path), member.filename, member.CRC)
    stored = keep(path, key, cache, lying[0], row, lambda: ({}, rows()))
    array = as_type(stored, dtype).reshape(lying)
    return array.T if fortran else array


def keep(
    path: Path,
    key: str,
    cache: str,
    count: int,
    row: int,
    make: Callable[[], tuple[dict[str, Any], Rows]],
) -> Stored:
    """Return rows of bytes from the cache, put there first if need be.

    Args:
        path: what they come from, for messages.
        key: what they are made from.
        cache: ``auto``, or a folder (``data.cache``); ``none`` is refused.
        count: how many rows there are, about: for the room that they take.
        row: bytes of a row.
        make: returns what to note beside them, complete once all rows (n, row) have been given.

    Raises:
        UsageError: they may be kept nowhere, or there is no room.
    """
    size = count * row
    if cache == "none":
        raise UsageError(
            f"{path} comes to {amount(size)} of numbers, and data.cache=none keeps them nowhere: "
            "leave data.cache at auto, give a folder with data.cache=DIR, or save them with "
            "np.savez, whose arrays are mapped as they lie."
        )
    named = cache != "auto"
    found = Cache(Path(cache).expanduser() if named else user_cache())
    if (stored := found.find(key, str(path))) is not None:
        return stored
    log.warning("%s: %s are unpacked into %s", path, amount(size), found.root)

    def fill(write: Callable[[npt.NDArray[np.uint8]], None]) -> tuple[dict[str, Any], int]:
        about, rows = make()
        for some in rows:
            write(some.reshape(len(some), 1, 1, row))
        return about, 1

    try:
        return found.make(key, str(path), (1, 1, row), count, fill)
    except OSError as error:
        raise UsageError(
            f"{found.root} cannot be written ({error.strerror or error}), and {path} comes to "
            f"{amount(size)}: give another folder with data.cache=DIR, or read it into memory with "
            "data.cache=memory."
        ) from None


def as_type(stored: Stored, dtype: np.dtype[Any]) -> AnyArray:
    """Return the bytes of all rows as numbers (K,), in the memory of the file."""
    return np.asarray(stored.planes).reshape(-1).view(dtype)


def stamp(path: Path) -> tuple[object, ...]:
    """Return what tells this content of a file from another."""
    found = path.stat()
    return str(path.resolve()), found.st_size, found.st_mtime_ns


def require_memory(where: str, size: int) -> None:
    """Refuse so many bytes where they are not free.

    Raises:
        UsageError: they are not.
    """
    free = free_memory()
    if free is not None and size > SPARE * free:
        raise UsageError(
            f"{where} takes {amount(size)} of memory, with {amount(free)} free: images saved as "
            "np.uint8 with np.save are mapped, and take none."
        )


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _start(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where the content of a stored member begins in its archive."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        head = file.read(LOCAL)
        name, extra = (int.from_bytes(head[i : i + 2], "little") for i in (26, 28))
        if len(head) < LOCAL or head[:4] != b"PK\x03\x04":
            raise ValueError(f"the part '{member.filename}' is not where the archive says")
    return member.header_offset + LOCAL + name + extra
