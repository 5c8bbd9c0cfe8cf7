"""Recipes: validated, named configurations, and how they are found, merged and overridden.

Listing recipes needs no torch; loading one does, because a game's own settings live beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganvas.recipes.catalogue import Summary, names, summaries

if TYPE_CHECKING:
    from ganvas.recipes.loader import load_recipe
    from ganvas.recipes.schema import Recipe, recipe_type

__all__ = ["Recipe", "Summary", "load_recipe", "names", "recipe_type", "summaries"]


def __getattr__(name: str) -> Any:
    if name == "load_recipe":
        from ganvas.recipes.loader import load_recipe

        return load_recipe
    if name in ("Recipe", "recipe_type"):
        from ganvas.recipes import schema

        return getattr(schema, name)
    raise AttributeError(f"module 'ganvas.recipes' has no attribute '{name}'")
