"""Merging: a recipe is layers of settings, and every value remembers which layer it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ganvas.recipes.text import Tree, show

Path = tuple[str, ...]

TAGS = ("kind", "preset", "system")
"""Keys that decide which other keys a mapping has; changing one starts the mapping afresh."""

ABSENT = "nothing"
"""What is said of a setting that one of two trees does not have."""

HORIZON = ("rounds", "kimg")
"""The two ways to say how long; naming one takes back the other."""


@dataclass(frozen=True)
class Layer:
    """Some settings and where they come from, in words such as ``the command line``."""

    tree: Tree
    origin: str


@dataclass
class Merged:
    """The settings of several layers on top of each other."""

    tree: Tree = field(default_factory=dict[str, Any])
    _origins: dict[Path, str] = field(default_factory=dict[Path, str])

    def add(self, layer: Layer) -> None:
        """Put ``layer`` on top: mappings merge key by key, anything else is replaced."""
        self._merge(self.tree, layer.tree, (), layer.origin)

    def origin(self, path: Path) -> str:
        """Return where the value at ``path``, or else the nearest mapping around it, comes from."""
        for end in range(len(path), -1, -1):
            if path[:end] in self._origins:
                return self._origins[path[:end]]
        return ""

    def _merge(self, below: Tree, above: Tree, path: Path, origin: str) -> None:
        self._origins[path] = origin
        if path == ("train",):
            _change_horizon(below, above)
        for key, value in above.items():
            here = (*path, key)
            old = below.get(key)
            if isinstance(value, dict):
                new = cast(Tree, value)
                if isinstance(old, str):
                    old = {"preset": old}  # the name of a network alone is short for this
                kept = cast(Tree, old) if isinstance(old, dict) else {}
                below[key] = {} if _is_another(kept, new) else dict(kept)
                self._merge(below[key], new, here, origin)
            else:
                below[key] = value
                if isinstance(old, dict):  # nothing of it is left
                    others = {p: o for p, o in self._origins.items() if p[: len(here)] != here}
                    self._origins = others
                self._origins[here] = origin


def merge(layers: Sequence[Layer]) -> Merged:
    """Return ``layers``, lowest first, merged; none of them is changed."""
    merged = Merged()
    for layer in layers:
        merged.add(layer)
    return merged


def at(tree: Any, path: Sequence[str | int]) -> Any:
    """Return the value at ``path``.

    Raises:
        KeyError: there is none.
    """
    for key in path:
        if isinstance(tree, dict) and key in tree:
            tree = cast(dict[Any, Any], tree)[key]
        elif isinstance(tree, list) and isinstance(key, int) and key < len(cast(list[Any], tree)):
            tree = cast(list[Any], tree)[key]
        else:
            raise KeyError(key)
    return tree


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Give the path and value of everything in ``tree`` that is not a mapping with keys."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(cast(Tree, value), (*path, key))
        else:
            yield (*path, key), value


def differences(one: Tree, other: Tree, path: Path = ()) -> Iterator[tuple[Path, str, str]]:
    """Give the path of everything in which two trees differ, and both values as they are typed.

    Where a mapping is in the place of a value, such as a schedule of a number, both are told whole.
    """
    for key in dict.fromkeys([*one, *other]):
        here, old, new = (*path, key), one.get(key), other.get(key)
        if isinstance(old, dict) and isinstance(new, dict) and old and new:
            yield from differences(cast(Tree, old), cast(Tree, new), here)
            continue
        was, now = (show(tree[key]) if key in tree else ABSENT for tree in (one, other))
        if was != now:
            yield here, was, now


def _is_another(below: Tree, above: Tree) -> bool:
    """Whether ``above`` names another kind of thing than ``below`` is."""
    changed = any(tag in above and above[tag] != below.get(tag) for tag in TAGS)
    return changed and any(tag in below for tag in TAGS)


def _change_horizon(below: Tree, above: Tree) -> None:
    for key, other in (HORIZON, HORIZON[::-1]):
        if above.get(key) is not None and other not in above:
            below.pop(other, None)
