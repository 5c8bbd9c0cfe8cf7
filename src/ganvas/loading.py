"""Modules that are loaded when they are asked for: packages of extras, and the user's own."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ganvas.errors import UsageError


def extra(name: str, what: str, brought_by: str, instead: str = "") -> Any:
    """Return a module that an extra brings.

    Args:
        name: of the module.
        what: needs it, for messages.
        brought_by: the extra.
        instead: what can be done without it.

    Raises:
        UsageError: it is not installed, or cannot be loaded here.
    """
    try:
        return import_module(name)
    except Exception as error:  # a package that is there, and broken, can raise anything
        package = name.partition(".")[0]
        found = "" if isinstance(error, ModuleNotFoundError) else f" (it does not load: {error})"
        raise UsageError(
            f"{what} needs the '{package}' package: pip install 'ganvas[{brought_by}]'"
            f"{instead and f', or {instead}'}{found}"
        ) from None


def own_module(name: str, told: str) -> ModuleType:
    """Return a module of the user's own, of the current folder or of an installed package.

    Args:
        name: of the module, which is imported: the user's word, never a file's.
        told: where the user named it, such as ``--game my_game:MyGame``, for messages.

    Raises:
        UsageError: there is no such module.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and something that it imports is not
        raise UsageError(
            f"cannot import '{name}' for {told}: there is no such package, and no "
            f"{name.replace('.', '/')}.py in {here}"
        ) from None
