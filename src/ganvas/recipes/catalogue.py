"""Which recipes there are, and where a name or path leads. Needs neither torch nor pydantic."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ganvas.errors import UsageError, did_you_mean
from ganvas.files import misspelt
from ganvas.given import path_of
from ganvas.recipes.layers import Layer
from ganvas.recipes.text import Tree, read

FOLDER = Path(__file__).parent
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Summary:
    """One line about a recipe, without the system's settings."""

    name: str
    about: str
    source: str
    conditional: bool = False
    """Whether it needs labels."""


@cache
def names() -> tuple[str, ...]:
    """Return the names ``system/dataset`` of the packaged recipes, sorted."""
    files = FOLDER.glob("*/*.yaml")
    return tuple(sorted(p.relative_to(FOLDER).with_suffix("").as_posix() for p in files))


def summaries(on: str = "") -> list[Summary]:
    """Return what the packaged recipes are about, in the order of their names.

    Args:
        on: the last part of their names, if not all are wanted.
    """
    found: list[Summary] = []
    for name in names():
        if on and not name.endswith(f"/{on}"):
            continue
        about: Any = ""
        source: Any = ""
        conditional: Any = False
        for layer in layers(name):
            about = layer.tree.get("about", about)
            data: Any = layer.tree.get("data") or {}
            game: Any = layer.tree.get("game") or {}
            source = data.get("source", source)
            # How many items with labels are used; nothing: all.
            counted = isinstance(game.get("labels", ""), int | None)
            conditional = game.get("conditional", counted or conditional)
        found.append(Summary(name, str(about), str(source), bool(conditional)))
    return found


def is_file_name(name: str) -> bool:
    """Whether ``name`` means a YAML file of the user rather than a packaged recipe."""
    return name.endswith(SUFFIXES)


def locate(name: str, beside: Path | None = None) -> Path:
    """Return the file of a recipe, by its name or path.

    Args:
        name: ``system/dataset``, or the path of a YAML file.
        beside: a file next to which a relative path is looked for too.

    Raises:
        UsageError: there is no such recipe.
    """
    if is_file_name(name):
        for path in (path_of(name, "recipe"), *([beside.parent / name] if beside else [])):
            if path.is_file():
                return path
        raise UsageError(
            f"there is no recipe file {name}; ganvas recipes lists the packaged ones"
            f"{misspelt(Path(name))}"
        )
    known = names()
    if name in known:
        return FOLDER / f"{name}.yaml"
    of_system = [one for one in known if one.startswith(f"{name}/")]
    if of_system:
        raise UsageError(f"'{name}' has several recipes; name one of {', '.join(of_system)}")
    if name and os.path.isdir(name):
        raise UsageError(f"{name} is a folder, not a recipe; to go on with a run: ganvas resume")
    hint = did_you_mean(name, known)
    raise UsageError(f"there is no recipe '{name}'.{hint} See them all: ganvas recipes")


@cache
def _read_packaged(path: Path) -> Tree:
    """Return what a recipe of one's own says; it does not change while the program runs."""
    return read(path, trusted=True)


def layers(name: str) -> list[Layer]:
    """Return a recipe's own settings and those of the recipes it is based on, lowest first.

    Raises:
        UsageError: a recipe does not exist, cannot be read, or is based on itself.
    """
    stack: list[Layer] = []
    visited: list[Path] = []
    wanted, beside = name, None
    while True:
        path = locate(wanted, beside)
        if path.resolve() in visited:
            raise UsageError(f"{path}: 'base: {wanted}' leads back to itself")
        visited.append(path.resolve())
        packaged = path.is_relative_to(FOLDER)
        tree = dict(_read_packaged(path)) if packaged else read(path)
        stack.insert(0, Layer(tree, f"recipe {wanted}" if packaged else str(path)))
        base = tree.pop("base", None)
        if base is None:
            return stack
        if not isinstance(base, str):
            raise UsageError(f"{path}: expected base to be the name of a recipe, got {base!r}")
        wanted, beside = base, path
