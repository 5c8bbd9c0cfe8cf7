"""How lengths of time are written, everywhere."""

from __future__ import annotations

UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}
"""From the largest: each holds whole numbers of the next."""
DAYS = 48 * 3600
"""Hours are counted up to here."""


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: 42 s, 3 min 20 s, 2 h 5 min, 3 d."""
    left, parts = round(seconds), list[str]()
    units = UNITS if left >= DAYS else {name: size for name, size in UNITS.items() if name != "d"}
    first = next((place for place, size in enumerate(units.values()) if left >= size), -1)
    for name, size in list(units.items())[first:][:2]:
        count, left = divmod(left, size)
        parts += [f"{count} {name}"] if count or not parts else []
    return " ".join(parts)
