"""What callers give, seen to be what it should before anything is done with it."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterator
from contextlib import suppress
from numbers import Integral
from pathlib import Path
from typing import Any, cast

from ganvas.errors import UsageError
from ganvas.files import LONGEST, require_access
from ganvas.slices import slices


def path_of(value: object, name: str, wanted: str = "a path, such as 'runs/ring'") -> Path:
    """Return a path that a caller gave; ``~`` is the home folder.

    Args:
        value: text, or what `os.fspath` makes text of.
        name: of the argument, for messages.
        wanted: what it should be, likewise.

    Raises:
        UsageError: it is no path, or none that a file can have.
    """
    text: object = None
    with suppress(TypeError):
        text = cast(object, os.fspath(cast(Any, value)))
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise UsageError(f"{name} is {shown(value)}: expected {wanted}")
    try:
        lengths = [len(os.fsencode(part)) for part in Path(text).parts]
    except UnicodeEncodeError:
        raise UsageError(f"{name} is {shown(value)}, which no file can be called") from None
    if max(lengths, default=0) > LONGEST:
        raise UsageError(f"{name} is {shown(value)}: the name is too long; give a shorter one")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # nobody's home
        return Path(text)


def require_place(out: Path, name: str = "--out") -> None:
    """Refuse a file that cannot be written, before any work is done.

    Args:
        out: where it would be.
        name: of the option or argument, for messages.

    Raises:
        UsageError: no file can have this path, or it is that of a folder.
        GanvasError: its folder may not be written.
    """
    path_of(out, name)
    if out.is_dir():
        raise UsageError(f"{name} {out} is a folder, not a file; give another path")
    _require_inside(out.absolute().parent, out, name)


def require_folder(out: Path, name: str = "--out") -> None:
    """Refuse a folder that cannot be made or written into, before any work is done.

    Args:
        out: the folder, which need not be there.
        name: of the option or argument, for messages.

    Raises:
        UsageError: no folder can have this path.
        GanvasError: it may not be written.
    """
    path_of(out, name)
    _require_inside(out.absolute(), out, name)


def _require_inside(folder: Path, out: Path, name: str) -> None:
    """Refuse ``out`` where nothing can be put into its ``folder``, made or not."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise UsageError(f"{name} {out}: {there} is a file, not a folder; give another path")
    require_access(there, os.W_OK | os.X_OK)


def whole(value: object, name: str, least: int | None = None) -> int:
    """Return a whole number that a caller gave, of Python or of NumPy.

    Raises:
        UsageError: it is none, or less than the least.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UsageError(f"{name} is {shown(value)}: expected a whole number")
    if least is not None and value < least:
        raise UsageError(f"{name} is {value}: expected a whole number from {least} on")
    return int(value)


def batches(count: int, batch: object) -> Iterator[slice]:
    """Give consecutive slices of so many items, as many at a time as a caller wants in a batch.

    Raises:
        UsageError: that is no number of items.
    """
    return slices(count, whole(batch, "batch", 1))


def shown(value: object) -> str:
    """Return a value as a message shows it: in one line, and not all of it if it is long."""
    return " ".join(reprlib.repr(value).split())
