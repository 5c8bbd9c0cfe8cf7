"""Files here or elsewhere, read by ``fsspec`` with whatever credentials the user has given it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, TypeVar

from ganvas.data.readers.braces import is_address
from ganvas.errors import GanvasError, UsageError

THREADS = 16
"""Files that are asked after at the same time."""

T = TypeVar("T")


@dataclass(frozen=True)
class Remote:
    """A file of any file system.

    Attributes:
        url: its address, or its path.
        size: its bytes.
        stamp: what changes when its content does.
        system: the file system.
        path: what that calls it.
    """

    url: str
    size: int
    stamp: str
    system: Any
    path: str

    @contextmanager
    def open(self) -> Generator[BinaryIO]:
        """Open it for reading from its start to its end, with leaps.

        Raises:
            UsageError: it cannot be read.
        """
        with _told(self.url), self.system.open(self.path, "rb") as stream:
            yield stream

    def read(self, start: int, stop: int) -> bytes:
        """Return its bytes from ``start`` to ``stop``.

        Raises:
            GanvasError: they cannot be read, or are not all there.
        """
        with _told(self.url):
            content = bytes(self.system.cat_file(self.path, start=start, end=stop))
        if len(content) != stop - start:
            raise GanvasError(f"{self.url} ends before byte {stop:,}: it is not what it was.")
        return content


def locate(urls: Sequence[str]) -> list[Remote]:
    """Return files by their addresses or paths.

    Raises:
        UsageError: some are not there, may not be read, or lie in a file system without a package.
    """

    def attempt(url: str) -> Remote | None:
        try:
            return _found(url)
        except FileNotFoundError:
            return None

    found = _each(attempt, urls)
    missing = [url for url, one in zip(urls, found, strict=True) if one is None]
    if missing:
        count = f"{len(missing)} of {len(urls)} shards are missing, the first: "
        raise UsageError(f"{count if len(urls) > 1 else 'There is no file '}{missing[0]}.")
    return [one for one in found if one is not None]


def _found(url: str) -> Remote:
    with _told(url, missing=False):
        system, path = import_module("fsspec.core").url_to_fs(url)
        about: dict[str, Any] = system.info(path)
        if about["type"] != "file":
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if about["size"] is None:
            raise OSError("its size is not known there")
        return Remote(url, int(about["size"]), str(system.ukey(path)), system, path)


def _each(see: Callable[[str], T], urls: Sequence[str]) -> list[T]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(see, urls))


@contextmanager
def _told(url: str, *, missing: bool = True) -> Generator[None]:
    """Say in one line why a file cannot be read; a missing one raises as it does if asked so."""
    try:
        yield
    except GanvasError:
        raise
    except Exception as error:  # those of file systems share no base class
        if isinstance(error, FileNotFoundError) and not missing:
            raise
        reason = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
        word = reason or type(error).__name__
        if is_address(url) and not isinstance(error, ImportError):  # that names a package
            word += "; address and credentials are the user's own, as fsspec finds them"
        raise UsageError(f"{url} cannot be read: {word}.") from None
