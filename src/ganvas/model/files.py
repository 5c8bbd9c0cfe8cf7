"""Writing files whole or not at all, and saying what to do when the disk refuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ganvas.errors import GanvasError

ADVICE = {
    errno.ENOSPC: "the disk is full; make room, or write somewhere else",
    errno.EDQUOT: "the disk quota is used up; make room, or write somewhere else",
    errno.EROFS: "the disk is read-only; write somewhere else",
    errno.EACCES: "writing there is not allowed; change its permissions, or write somewhere else",
    errno.EPERM: "writing there is not allowed; change its permissions, or write somewhere else",
    errno.ENOTDIR: "a part of this path is a file, not a folder; give another path",
    errno.EISDIR: "this is a folder, not a file; give another path",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.ENAMETOOLONG: "the name is too long; give a shorter one",
}


def explain(error: OSError, path: Path | None = None) -> GanvasError:
    """Return an error in words about a path and what to do, for one of the operating system."""
    where = error.filename if error.filename is not None else path
    reason = ADVICE.get(error.errno or 0, error.strerror or str(error))
    return GanvasError(f"{where}: {reason}" if where is not None else reason)


@contextmanager
def disk_errors(path: Path) -> Generator[None]:
    """Turn an error of the operating system into a `GanvasError` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        GanvasError: it cannot be written; what was there before still is.
    """
    temporary = path.with_name(f".{path.name}.writing")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            _remove(temporary)
            raise


def _remove(path: Path) -> None:
    """Remove a file if there is one; a disk that refuses even that has been reported already."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
