"""Decoded images on disk: made once, mapped into memory ever after.

A set is a folder named by a key, with ``planes`` (uint8, image after image), ``about.json``
(shape, checksums and what else the reader wants to know again) and ``lock``. It is written under
another name and renamed when it is complete, so that whoever finds one finds a whole one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import time
import weakref
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ganvas.data.memory import amount
from ganvas.errors import DataError
from ganvas.files import flush_folder
from ganvas.slices import slices

Array8 = npt.NDArray[np.uint8]

PLANES, ABOUT, LOCK = "planes", "about.json", "lock"
WRITING, MAKING = ".writing", ".making"
VERSION = 1
LIMIT = 50 * 2**30
"""Bytes that sets take in one cache folder before those not used for longest are removed."""
BLOCK = 2**20
"""Bytes under one checksum."""
CHECKED = 256
"""How many blocks are compared with their checksums before use; others are picked each time."""
YOUNG = 60.0
"""Seconds in which an unfinished folder without a lock is taken for one that is being made."""

log = logging.getLogger("ganvas")


@dataclass(frozen=True)
class Stored:
    """A set that was found.

    Attributes:
        planes: all images, (N, C, H, W), pages of the file: read when they are looked at, and
            copied when they are written to.
        about: what the reader noted.
    """

    planes: Array8
    about: dict[str, Any]


def user_cache() -> Path:
    """Return this user's folder for decoded sets, by the rules of the system."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "ganvas" / "data"


class Writer:
    """Takes the images of a set one chunk after another, on their way to the disk."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sums: list[int] = []
        self._sum, self._filled = 0, 0
        self.count = 0

    def write(self, planes: Array8) -> None:
        """Append images (n, C, H, W)."""
        self.count += len(planes)
        content = memoryview(np.ascontiguousarray(planes).data).cast("B")
        self._stream.write(content)
        while content:
            part = content[: BLOCK - self._filled]
            self._sum = zlib.crc32(part, self._sum)
            self._filled += len(part)
            content = content[len(part) :]
            if self._filled == BLOCK:
                self._end_block()

    def finish(self) -> list[int]:
        """Bring everything to the disk; return the checksums of all blocks."""
        if self._filled:
            self._end_block()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        return self._sums

    def _end_block(self) -> None:
        self._sums.append(self._sum)
        self._sum, self._filled = 0, 0


class Cache:
    """A folder of decoded sets, shared by all processes that know it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, key: str, name: str) -> Stored | None:
        """Return a set that is there and sound; remove it if it is damaged, and say so.

        Args:
            key: what it was made from.
            name: of the data, for messages.
        """
        folder = self.root / key
        if not folder.is_dir():
            return None
        lock = _Lock(folder / LOCK)
        try:
            lock.share()
            about = _read_about(folder)
            planes = _mapped(folder, about)
            _verify(folder, about)
            with contextlib.suppress(OSError):
                os.utime(folder / LOCK)  # how long ago a set was used decides which goes first
        except FileNotFoundError:
            lock.release()
            return self._drop(folder, name, "a file is missing") if folder.is_dir() else None
        except (_DamagedError, OSError) as error:
            lock.release()
            return self._drop(folder, name, str(error))
        weakref.finalize(planes, lock.release)
        return Stored(np.asarray(planes), about["about"])

    def make(
        self, key: str, name: str, shape: tuple[int, int, int], count: int, fill: Fill
    ) -> Stored:
        """Return a set, made by ``fill`` unless another process makes it meanwhile.

        Args:
            key: what it is made from.
            name: of the data, for messages.
            shape: channels, height and width.
            count: how many images there are at most, for the room they take.
            fill: writes all images; returns what to note, and which channels to keep.

        Raises:
            OSError: the folder cannot be written.
            UsageError: there is no room.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with self.alone(key):
            if (found := self.find(key, name)) is not None:
                return found
            self._make_room(name, count * int(np.prod(shape)))
            folder = Path(tempfile.mkdtemp(WRITING, f".{key[:16]}-", self.root))
            lock = _Lock(folder / LOCK)
            try:
                lock.hold()
                self._write(folder, shape, fill)
                if sys.platform == "win32":  # an open file keeps its folder's name
                    lock.release()
                with contextlib.suppress(OSError):  # one is there: another process was faster
                    folder.rename(self.root / key)
                    flush_folder(self.root)
            finally:
                lock.release()
                shutil.rmtree(folder, ignore_errors=True)
            found = self.find(key, name)
        if found is None:
            raise OSError(f"the decoded set vanished from {self.root}")
        return found

    def clear(self) -> tuple[int, int]:
        """Remove every set that no process uses; return the bytes removed and the sets kept."""
        removed, kept = 0, 0
        for folder in self._folders():
            size = _size(folder)
            if self._remove(folder):
                removed += size
            else:
                kept += 1
        for folder in self._folders(unfinished=True):
            self._remove(folder)
        for path in self.root.glob(f".*{MAKING}"):
            with contextlib.suppress(OSError):
                path.unlink()
        return removed, kept

    def _write(self, folder: Path, shape: tuple[int, int, int], fill: Fill) -> None:
        with (folder / PLANES).open("wb") as stream:
            writer = Writer(stream)
            about, channels = fill(writer.write)
            sums = writer.finish()
        if channels < shape[0]:
            sums = _keep_channels(folder / PLANES, writer.count, shape, channels)
        body: dict[str, Any] = {
            "version": VERSION,
            "shape": [writer.count, channels, *shape[1:]],
            "sums": sums,
            "about": about,
        }
        with (folder / ABOUT).open("w", encoding="utf-8") as stream:
            json.dump({**body, "sha256": _digest(body)}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        flush_folder(folder)

    def _drop(self, folder: Path, name: str, why: str) -> None:
        log.warning("The decoded copy of %s is damaged (%s); it is made anew.", name, why)
        self._remove(folder, used=True)

    def _make_room(self, name: str, size: int) -> None:
        """Remove what was not used for longest, until the limit and the disk allow for more."""
        for folder in self._folders(unfinished=True):
            self._remove(folder)
        folders = self._folders()
        taken = sum(map(_size, folders))
        while folders and (taken + size > LIMIT or shutil.disk_usage(self.root).free < size):
            oldest = folders.pop(0)
            gone = _size(oldest)
            taken -= gone if self._remove(oldest) else 0
        if (free := shutil.disk_usage(self.root).free) < size:
            raise DataError(
                f"{name} takes {amount(size)} decoded, but {self.root} has {amount(free)} left: "
                "make room there.",
                "Or give another folder with data.cache=DIR, or decode each batch anew with "
                "data.cache=none (slower, no room needed).",
            )

    def _folders(self, *, unfinished: bool = False) -> list[Path]:
        """Return the sets, the one not used for longest first; or what was left unfinished."""
        if not self.root.is_dir():
            return []
        found = [
            path
            for path in self.root.iterdir()
            if path.is_dir() and not path.is_symlink() and _is_set(path.name, unfinished)
        ]
        return sorted(found, key=_last_use)

    def _remove(self, folder: Path, *, used: bool = False) -> bool:
        """Remove a set that no process uses (``used``: in any case); tell whether it went."""
        begun = folder.name.endswith(WRITING) and not (folder / LOCK).exists()
        if not used and begun and time.time() - _last_use(folder) < YOUNG:
            return False
        lock = _Lock(folder / LOCK)
        try:
            if not used:
                lock.exclude()
            grave = folder.with_name(f".{folder.name[:16]}-{random.randrange(16**8):08x}{WRITING}")
            folder.rename(grave)
        except OSError:  # in use; on Windows an open file keeps its folder, too
            return False
        finally:
            lock.release()
        shutil.rmtree(grave, ignore_errors=True)
        return True

    @contextmanager
    def alone(self, key: str) -> Generator[None]:
        """Wait until no other process makes this set, where the file system knows locks."""
        lock = _Lock(self.root / f".{key[:16]}{MAKING}")
        said = False
        while True:
            try:
                lock.exclude()
                break
            except BlockingIOError:
                if not said:
                    log.warning("Another process is decoding the same images; waiting for it.")
                said = True
                time.sleep(0.2)
            except OSError:
                break  # no locks here: both may build, the first to finish wins
        try:
            yield
        finally:
            lock.release()


Fill = Callable[[Callable[[Array8], None]], tuple[dict[str, Any], int]]


class _DamagedError(Exception):
    """A set is not what was written."""


class _Lock:
    """A lock on a file, which ends with its process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def share(self) -> None:
        """Hold it together with others, where the file system knows locks."""
        with contextlib.suppress(OSError):
            self._take(shared=True)

    def hold(self) -> None:
        """Hold it alone, as nobody else knows of it, where the file system knows locks."""
        with contextlib.suppress(OSError):
            self._take(shared=False)

    def exclude(self) -> None:
        """Hold it alone.

        Raises:
            BlockingIOError: another holds it.
            OSError: there are no locks here.
        """
        self._take(shared=False)

    def release(self) -> None:
        """Let it go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, *, shared: bool) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if sys.platform == "win32":
                import msvcrt

                if not shared:  # an open file cannot be removed anyway: readers need no lock
                    try:
                        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
                    except OSError as error:
                        raise BlockingIOError(*error.args) from None
            else:
                import fcntl

                kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
                fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
        self._file = file


def key_of(*parts: object) -> str:
    """Return the key of what a set is made from: anything that JSON can write."""
    text = json.dumps([VERSION, *parts], ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_set(name: str, unfinished: bool) -> bool:
    if unfinished:
        return name.startswith(".") and name.endswith(WRITING)
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about: Any = json.loads((folder / ABOUT).read_text("utf-8"))
        digest = about.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise _DamagedError(f"{ABOUT} cannot be read") from None
    if digest != _digest(about):
        raise _DamagedError(f"{ABOUT} does not fit its checksum")
    return about


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _mapped(folder: Path, about: dict[str, Any]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """Return the images copy-on-write: their pages belong to the file, whoever reads them.

    Where the system counts such pages as memory that may be wanted one day, and has less than that,
    they can only be read.
    """
    shape = tuple(about["shape"])
    size = (folder / PLANES).stat().st_size
    if size != np.prod(shape, dtype=np.int64) or size == 0:
        raise _DamagedError(f"{amount(size)} instead of {amount(float(np.prod(shape)))}")
    try:
        return np.memmap(folder / PLANES, np.uint8, "c", shape=shape)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        return np.memmap(folder / PLANES, np.uint8, "r", shape=shape)


def _verify(folder: Path, about: dict[str, Any]) -> None:
    """Compare blocks with their checksums: all of a small set, else the ends and some others."""
    sums: list[int] = about["sums"]
    picked = range(len(sums))
    if len(sums) > CHECKED:
        others = random.SystemRandom().sample(picked[1:-1], CHECKED - 2)
        picked = sorted({0, len(sums) - 1, *others})
    with (folder / PLANES).open("rb") as stream:
        for number in picked:
            stream.seek(number * BLOCK)
            if zlib.crc32(stream.read(BLOCK)) != sums[number]:
                raise _DamagedError(f"block {number} does not fit its checksum")


def _keep_channels(path: Path, count: int, shape: tuple[int, int, int], channels: int) -> list[int]:
    """Rewrite a file of images with their first channels only; return the checksums."""
    rest = path.with_name("rest")
    row = int(np.prod(shape))
    rows = max(4 * BLOCK // row, 1)
    with path.open("rb") as stream, rest.open("wb") as out:
        writer = Writer(out)
        for part in slices(count, rows):
            content = stream.read(row * (part.stop - part.start))
            writer.write(np.frombuffer(content, np.uint8).reshape(-1, *shape)[:, :channels])
        sums = writer.finish()
    rest.replace(path)
    return sums


def _size(folder: Path) -> int:
    try:
        return (folder / PLANES).stat().st_size
    except OSError:
        return 0


def _last_use(folder: Path) -> float:
    for path in (folder / LOCK, folder):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0
