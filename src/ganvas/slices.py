"""How long things are gone through in parts, everywhere."""

from __future__ import annotations

from collections.abc import Iterator

HELD = 1 << 22
"""So many numbers of things are held at once: 16 MiB in single precision."""


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of so many items, ``size`` at a time, at least one.

    The last may be shorter: its stop is ``count``.
    """
    step = max(size, 1)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def bounded(size: int, each: int) -> int:
    """Return ``size``, or fewer where so many things of ``each`` numbers would be over `HELD`."""
    return max(1, min(size, HELD // max(each, 1)))
