"""What the packaged recipes tell a diagnosis of a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ganvas.data.reader import own_reader
from ganvas.play.shipped import Shipped
from ganvas.recipes.catalogue import names
from ganvas.recipes.loader import load_recipe
from ganvas.recipes.schema import Recipe


def shipped(recipe: Recipe) -> Shipped:
    """Return what the packaged recipes say of a run of ``recipe``."""
    if recipe.name not in names():
        return Shipped(data_of=_data_of)
    usual = load_recipe(recipe.name).train
    return Shipped(usual.rounds, usual.kimg, _data_of)


def _data_of(recipe: str, source: str) -> Mapping[str, Any] | None:
    if recipe not in names() or own_reader(source) is not None:
        return None
    return _packaged(recipe, source)


@cache
def _packaged(recipe: str, source: str) -> Mapping[str, Any]:
    return load_recipe(recipe, data=source).tree()["data"]
