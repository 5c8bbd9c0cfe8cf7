"""How long things are gone through in parts, everywhere."""

from __future__ import annotations

from collections.abc import Iterator


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of so many items, ``size`` at a time; the last may be shorter."""
    for start in range(0, count, max(size, 1)):
        yield slice(start, min(start + size, count))
