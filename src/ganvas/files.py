"""Writing files whole or not at all, and saying what to do when the disk refuses.

Everything that ganvas writes at one go is written here: under a temporary name of its own, on the
disk before it takes the file's place, and never through a symbolic link.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ganvas.errors import GanvasError, UsageError, nearest

try:
    import fcntl
except ImportError:  # not on Windows, where nobody can remove a file that is open either
    fcntl = None

ADVICE = {
    errno.ENOSPC: "the disk is full; make room, or write somewhere else",
    errno.EDQUOT: "the disk quota is used up; make room, or write somewhere else",
    errno.EFBIG: "the file is too large for this disk; write somewhere else",
    errno.EROFS: "the disk is read-only; write somewhere else",
    errno.EIO: "the disk reported an error; check it, or use another one",
    errno.ESTALE: "the disk is no longer connected; connect it again, or use another one",
    errno.EACCES: "access is not allowed; change its permissions, or use another path",
    errno.EPERM: "access is not allowed; change its permissions, or use another path",
    errno.ENOTDIR: "a part of this path is a file, not a folder; give another path",
    errno.EEXIST: "a file is in its place; remove it, or give another path",
    errno.EISDIR: "this is a folder, not a file; give another path",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.ENAMETOOLONG: "the name is too long; give a shorter one",
    errno.ELOOP: "this is a symbolic link, which is not followed here; give the path it leads to",
    errno.EMFILE: "too many files are open; raise the limit with: ulimit -n 4096",
}

MISTAKEN = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""What is wrong with a path that somebody chose, not with the disk."""

UNFINISHED = ".writing"
"""Suffix of temporary files: ``.NAME.TOKEN.writing`` beside the file that is being written."""

STALE = 3600.0
"""Seconds after which a temporary file is nobody's, where the disk does not know locks."""

ALIKE = 0.7
"""How alike a file's name is to a wrong one, from 0 to 1, to be what was meant: there are many."""

CUT = re.compile(r"\d+ requested and \d+ written")
"""What NumPy says of a disk that took a part of an array, without the system's own word."""

LONGEST = 255
"""Bytes that the name of a file may have."""


def explain(error: OSError, path: Path | None = None) -> GanvasError:
    """Return an error in words about a path and what to do, for one of the operating system."""
    where = error.filename if error.filename is not None else path
    if path is not None and str(where).endswith(UNFINISHED):
        where = path  # nobody knows the temporary name
    number = error.errno or (errno.ENOSPC if CUT.search(str(error)) else 0)
    reason = ADVICE.get(number, error.strerror or str(error))
    kind = UsageError if number in MISTAKEN else GanvasError
    return kind(f"{where}: {reason}" if where is not None else reason)


@contextmanager
def disk_errors(path: Path) -> Generator[None]:
    """Turn an error of the operating system into a `GanvasError` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def misspelt(path: Path) -> str:
    """Return ``. Did you mean 'x'?`` for a path that nothing is at, or an empty string.

    It is the path with the name that is spelt most like its first one that is not there.
    """
    if path.exists():  # it is there, and nothing that was wanted
        return ""
    for folder in (above for above in path.parents if above.is_dir()):
        name, *rest = path.relative_to(folder).parts
        with suppress(OSError):
            names = [one.name for one in folder.iterdir() if not one.name.startswith(".")]
            names.sort(key=lambda one: Path(one).suffix == Path(name).suffix)  # the last one counts
            known = {Path(one).stem: one for one in names}
            if near := nearest(Path(name).stem, known, ALIKE):
                whole = (folder / known[near]).joinpath(*rest)
                return f". Did you mean '{whole if whole.exists() else folder / known[near]}'?"
        return ""
    return ""


def write_whole(path: Path, content: bytes, deep: bool = True) -> None:
    """Write a file so that a reader sees the old content or the new, never a part (`replacing`).

    Raises:
        GanvasError: it cannot be written; what was there before still is.
    """
    with replacing(path, deep) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, deep: bool = True) -> Generator[BinaryIO]:
    """Open a file that takes the place of ``path`` at the end, once all of it is on the disk.

    Several processes may do so at once: each writes a file of its own, and the last one stays. If
    the body fails, what was there before still is. A symbolic link at ``path`` is replaced, and
    what it leads to is left alone. Its folder is made, and if ``deep`` all above that, too: a
    part of a run may be made again, and a run that was removed may not.

    Raises:
        GanvasError: it cannot be written.
    """
    temporary = path
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=deep, exist_ok=True)
            temporary, file = _begin(path)
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, path)
            flush_folder(path.parent)
        except OSError as error:
            if error.filename == str(temporary):  # people know the file by its own name
                error.filename = error.filename2 = str(path)
            raise
        finally:
            if temporary != path:
                with suppress(OSError):  # what refused has been reported already
                    temporary.unlink(missing_ok=True)


def require_free(folder: Path) -> None:
    """Refuse a folder that is in use, before any work is done.

    Raises:
        UsageError: it holds files already.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds files already; give a new or empty folder.")


def require_access(path: Path, mode: int) -> None:
    """Refuse what may not be read, written or entered, before any work is done.

    Raises:
        GanvasError: ``mode``, such as `os.W_OK`, is not allowed.
    """
    if not os.access(path, mode):
        raise explain(PermissionError(errno.EACCES, "", str(path)))


@contextmanager
def filling(folder: Path) -> Generator[None]:
    """Fill a folder that is new or empty; if the body fails, it is again as it was.

    A part of what belongs together would be taken for all of it.

    Raises:
        UsageError: it holds files already.
        GanvasError: it cannot be written.
    """
    with disk_errors(folder):
        require_free(folder)
        there = folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield
        except BaseException:
            with suppress(OSError):
                for part in folder.iterdir():
                    plain = part.is_symlink() or not part.is_dir()
                    part.unlink() if plain else shutil.rmtree(part)
                if not there:
                    folder.rmdir()
            raise


def refuse_links(*paths: Path) -> None:
    """Refuse symbolic links at these places of a folder, where they would lead writers out of it.

    Raises:
        UsageError: there is one.
    """
    for path in paths:
        if path.is_symlink():
            raise UsageError(
                f"{path} is a symbolic link, and nothing is written through one: remove it, and "
                f"put what it leads to ({os.readlink(path)}) in its place"
            )


def sweep(folder: Path) -> None:
    """Remove the temporary files in ``folder`` whose writers are dead."""
    for path in folder.glob(f".*{UNFINISHED}"):
        with suppress(OSError):  # another process sweeps too, or the folder may only be read
            _remove_if_left(path)


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file until it is closed, by whoever dies too; False: another process has it.

    None: the disk does not know locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Let one process at a time do what follows to the files of a folder, where locks are known."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _begin(path: Path) -> tuple[Path, BinaryIO]:
    """Open a new file beside ``path``; its lock tells `sweep` that somebody is at work."""
    while True:
        end = f".{secrets.token_hex(8)}{UNFINISHED}"
        name = os.fsdecode(os.fsencode(path.name)[: LONGEST - 1 - len(end)])
        temporary = path.with_name(f".{name}{end}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(temporary, flags | getattr(os, "O_BINARY", 0), 0o666)
        if try_lock(descriptor) is not False and (fcntl is None or is_at(descriptor, temporary)):
            return temporary, os.fdopen(descriptor, "wb")
        os.close(descriptor)  # it was swept away between the two calls


def _remove_if_left(path: Path) -> None:
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    try:
        locked = try_lock(descriptor)
        age = time.time() - os.fstat(descriptor).st_mtime
        if locked or (locked is None and age > STALE):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Let the new name of a file reach the disk too, where folders can be flushed."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
