"""What is wrong with a recipe, one line each: what, where from, what was expected, what to type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ganvas.errors import UsageError, did_you_mean, wanted
from ganvas.recipes.catalogue import is_file_name
from ganvas.recipes.layers import Merged, at
from ganvas.recipes.shape import Shape
from ganvas.recipes.text import line_of, show

Place = tuple[str | int, ...]

SHOWN = 8
"""Sentences of one error: a file that is wrong altogether need not be told whole."""


class Complaints:
    """Turns validation errors of merged settings into sentences.

    Args:
        command: what settings are added to in an example, such as ``ganvas train X --out DIR``.
        merged: the settings, which know their origins.
        shape: what settings there are.
        before: the settings without the command line's, whose values serve as examples.
    """

    def __init__(self, command: str, merged: Merged, shape: Shape, before: Merged) -> None:
        self.command = command
        self.merged = merged
        self.shape = shape
        self.before = before

    def about(self, error: ValidationError) -> UsageError:
        """Return one error with a line for each setting that is wrong."""
        found: dict[Place, ErrorDetails] = {}
        for detail in error.errors(include_url=False):
            place = self._place(detail)
            if place not in found or detail["type"] == "value_error":  # the one with a reason
                found[place] = detail
        deepest = {
            place: detail
            for place, detail in found.items()
            if not any(other != place and other[: len(place)] == place for other in found)
        }
        lines = [self._sentence(place, detail) for place, detail in [*deepest.items()][:SHOWN]]
        if len(deepest) > SHOWN:
            lines.append(f"{len(deepest) - SHOWN} more settings are wrong")
        return UsageError("\n".join(lines))

    def _place(self, detail: ErrorDetails) -> Place:
        """Return the setting an error is about: its location less the names of alternatives."""
        place: Place = ()
        tree: Any = self.merged.tree
        for i, key in enumerate(detail["loc"]):
            try:
                tree = at(tree, [key])
            except KeyError:
                last = i == len(detail["loc"]) - 1
                if not (last and detail["type"] == "missing"):
                    continue
            place = (*place, key)
        return place

    def _sentence(self, place: Place, detail: ErrorDetails) -> str:
        name = ".".join(map(str, place)) or "the recipe"
        origin = self.merged.origin(tuple(map(str, place)))
        line = line_of(Path(origin), place) if is_file_name(origin) else None
        source = f" (from {origin}{f', line {line}' if line else ''})" if origin else ""
        if detail["type"] == "extra_forbidden":
            rid = f" If an earlier version knew it, delete it from {origin}." if line else ""
            return f"{name} is not a setting{source}.{self._similar(place)}{rid}"
        if detail["type"] == "missing":
            expected = self._expected(place, detail)
            return f"{name} is missing{source}: expected {expected}.{self._example(place)}"
        if detail["type"].startswith("union_tag"):
            known = detail.get("ctx", {}).get("expected_tags") or self._tags(place)
            return f"{name}.kind{source}: expected one of {known}.{self._example((*place, 'kind'))}"
        if detail["type"] in ("value_error", "assertion_error"):
            reason = detail["msg"].partition(", ")[2] or detail["msg"]
            return f"{name}{source}: {reason}.{self._example(place)}"
        value = show(detail["input"]) if place else "this"
        expected = self._expected(place, detail)
        return f"{name}={value}{source}: expected {expected}.{self._example(place)}"

    def _tags(self, place: Place) -> str:
        """Return the kinds that may stand at a place."""
        kinds = [
            n["properties"]["kind"] for n in self.shape.alternatives(place) if "properties" in n
        ]
        return ", ".join(f"'{kind['const']}'" for kind in kinds if "const" in kind)

    def _expected(self, place: Place, detail: ErrorDetails) -> str:
        if detail["type"] == "finite_number":
            return "a finite number"
        return self.shape.expected(place) or wanted(detail["msg"])

    def _similar(self, place: Place) -> str:
        """Suggest a setting beside the unknown one, or one of its name elsewhere."""
        *parent, wrong = place
        beside = self.shape.keys(parent)
        inside = ".".join(map(str, parent))
        prefix = f"{inside}." if inside else ""
        if kinds := self.shape.owners(place):  # without a tag, the settings of all kinds are beside
            return f" It belongs to {' or '.join(f'{prefix}{kind}' for kind in kinds)}."
        if hint := did_you_mean(str(wrong), beside):
            return hint.replace("'", f"'{prefix}", 1)
        elsewhere = [leaf for leaf in self.shape.leaves() if leaf[-1] == wrong]
        if elsewhere:
            return " Did you mean " + " or ".join(f"'{'.'.join(e)}'" for e in elsewhere[:3]) + "?"
        if beside:
            return f" {inside or 'A recipe'} has: {', '.join(beside)}."
        return ""

    def _example(self, place: Place) -> str:
        """Return the command with a value that is right, if one is known."""
        value = self._right_value(place)
        nodes = self.shape.alternatives(place)
        wants_mapping = bool(nodes) and all("properties" in node for node in nodes)
        if value is None or wants_mapping or isinstance(value, dict):
            return ""
        setting = f"{'.'.join(map(str, place))}={show(value)}"
        setting = f"'{setting}'" if any(sign in setting for sign in " []{}*") else setting
        return f" For example: {self.command} {setting}"

    def _right_value(self, place: Sequence[str | int]) -> Any:
        from_command_line = self.merged is not self.before and self._changed(place)
        if from_command_line:
            try:
                return at(self.before.tree, place)
            except KeyError:
                pass
        if not place:
            return None
        default = self.shape.default(place)
        if default is not None:
            return default
        return _smallest(self.shape.alternatives(place))

    def _changed(self, place: Sequence[str | int]) -> bool:
        try:
            old, new = at(self.before.tree, place), at(self.merged.tree, place)
        except KeyError:
            return False
        return show(old) != show(new)  # of what is no number, too


def _smallest(nodes: list[dict[str, Any]]) -> Any:
    """Return a value that meets one of the schemas: an option, or the least number."""
    for node in nodes:
        if node.get("enum"):
            return cast(list[Any], node["enum"])[0]
        if "minimum" in node:
            return node["minimum"]
    return None
