"""What a diagnosis knows of the packaged recipes, which stand above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ganvas.data.settings import settings_type


def defaults(recipe: str, source: str) -> Mapping[str, Any]:
    """Return the ``data`` settings of a recipe that says nothing but its source."""
    return settings_type()(source=source).model_dump(mode="json")


@dataclass(frozen=True)
class Shipped:
    """The packaged recipes, as far as remedies depend on them.

    Attributes:
        rounds, kimg: length of the recipe that a run was made from; None: unknown, or another unit.
        data_of: the ``data`` settings of a recipe on a source, by the names of both; None where
            there is no such recipe. By default there are all, at the defaults.
    """

    rounds: int | None = None
    kimg: float | None = None
    data_of: Callable[[str, str], Mapping[str, Any] | None] = defaults
