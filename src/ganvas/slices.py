"""How long things are gone through in parts, everywhere."""

from __future__ import annotations

from collections.abc import Iterator


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of so many items, ``size`` at a time, at least one.

    The last may be shorter: its stop is ``count``.
    """
    step = max(size, 1)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
