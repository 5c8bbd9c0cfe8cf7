"""ganvas trains, measures, explains and serves adversarial generative models.

Everything here is imported when first used, so that ``import ganvas`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganvas.api import compare, diagnose, evaluate, load, resume, train
    from ganvas.errors import GanvasError, UsageError
    from ganvas.model import Model
    from ganvas.recipes import Recipe, load_recipe

__all__ = [
    "GanvasError",
    "Model",
    "Recipe",
    "UsageError",
    "__version__",
    "compare",
    "diagnose",
    "evaluate",
    "load",
    "load_recipe",
    "resume",
    "train",
]

__version__: str

_HOMES = {
    "GanvasError": "ganvas.errors",
    "Model": "ganvas.model",
    "Recipe": "ganvas.recipes",
    "UsageError": "ganvas.errors",
    "compare": "ganvas.api",
    "diagnose": "ganvas.api",
    "evaluate": "ganvas.api",
    "load": "ganvas.api",
    "load_recipe": "ganvas.recipes",
    "resume": "ganvas.api",
    "train": "ganvas.api",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("ganvas")
    if name not in _HOMES:
        raise AttributeError(f"module 'ganvas' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
