"""Data sets made by code from a seed, one file each, found by its name.

The file NAME.py has a function ``collection(settings)`` that returns the set, drawn in the size
that the settings ask for: what is known of each picture is exact, and nothing is resized. Sets of
anything else than images say of what ``KIND`` they are. What a set can be told beside its size is
its ``Variant``, settings that stand under ``data.variant``.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from ganvas.config import Settings
from ganvas.data.items import Collection
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError, did_you_mean, wanted

Asked = TypeVar("Asked", bound=Settings)


@cache
def procedural() -> tuple[str, ...]:
    """Return the names of these sets, in alphabetical order."""
    return tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem[0] != "_"))


def make(name: str, settings: DataSettings) -> Collection:
    """Return the set of this name as the settings want it.

    Raises:
        UsageError: they ask for what it cannot be.
    """
    module = import_module(f"{__name__}.{name}")
    if settings.variant and not hasattr(module, "Variant"):
        raise UsageError(f"{name} has no variants: leave data.variant out.")
    return module.collection(settings)


def variant(settings: DataSettings, of: type[Asked]) -> Asked:
    """Return what a set is told, as its own settings.

    Raises:
        UsageError: it cannot be told so.
    """
    try:
        return of.model_validate(settings.variant)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, known = ".".join(map(str, first["loc"])), list(of.model_fields)
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"data.variant.{key} is not a setting of {settings.source}."
                f"{did_you_mean(key, known)} It has {', '.join(known)}."
            ) from None
        raise UsageError(
            f"data.variant.{key}={first['input']} of {settings.source}: expected "
            f"{wanted(first['msg'])}."
        ) from None


def kind_of(name: str) -> str:
    """Return the kind of data of the set of this name."""
    return str(getattr(import_module(f"{__name__}.{name}"), "KIND", "images"))
