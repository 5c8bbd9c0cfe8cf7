"""Data sets made by code from a seed, one file each, found by its name.

The file NAME.py has a function ``collection(settings)`` that returns the set, drawn in the size
that the settings ask for: what is known of each picture is exact, and nothing is resized. Sets of
anything else than images say of what ``KIND`` they are.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from ganvas.data.items import Collection
from ganvas.data.settings import DataSettings


@cache
def procedural() -> tuple[str, ...]:
    """Return the names of these sets, in alphabetical order."""
    return tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem[0] != "_"))


def make(name: str, settings: DataSettings) -> Collection:
    """Return the set of this name as the settings want it.

    Raises:
        UsageError: they ask for what it cannot be.
    """
    return import_module(f"{__name__}.{name}").collection(settings)


def kind_of(name: str) -> str:
    """Return the kind of data of the set of this name."""
    return str(getattr(import_module(f"{__name__}.{name}"), "KIND", "images"))
