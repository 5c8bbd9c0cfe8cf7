"""From a recipe's name, data path and overrides to a validated recipe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from ganvas.data.laws import LAW_NAMES
from ganvas.errors import UsageError
from ganvas.recipes.catalogue import is_file_name, layers
from ganvas.recipes.complaints import Complaints
from ganvas.recipes.layers import Layer, Merged, at, leaves, merge
from ganvas.recipes.overrides import COMMAND_LINE, parse_overrides
from ganvas.recipes.schema import Recipe, recipe_type
from ganvas.recipes.shape import Shape
from ganvas.recipes.text import Tree


def load_recipe(
    name: str | Path, overrides: Sequence[str] = (), data: str | Path | None = None
) -> Recipe:
    """Return the recipe called ``name`` with changes on top.

    Args:
        name: ``system/dataset``, or the path of a YAML file such as a run's ``config.yaml``.
        overrides: ``key=value`` words with dotted keys; values are YAML, and null takes a
            setting back to its default where null is no value of its own.
        data: takes the place of the recipe's ``data.source``; the user's own data say their
            shape, channels and labels themselves.

    Raises:
        UsageError: the recipe does not exist, or a setting is wrong; the message has one line for
            each, with what was expected, where the value came from, and a command.
    """
    name = str(name)
    stack = layers(name)
    if not is_file_name(name) or not any("name" in layer.tree for layer in stack):
        stack.append(Layer({"name": name}, ""))
    changes = [parse_overrides(overrides)]
    if data is not None:
        changes.insert(0, _data_layer(data))
    kind = recipe_type(_system(merge([*stack, *changes]), name))
    schema = _schema(kind)
    stack.insert(0, Layer(Shape(schema, {}).defaults(), "the defaults"))
    merged = merge([*stack, *changes])
    shape = Shape(schema, merged.tree)
    _drop_nulls(merged.tree, shape)
    try:
        return kind.model_validate(merged.tree)
    except ValidationError as error:
        raise Complaints(name, merged, shape, before=merge(stack)).about(error) from None


@cache
def _schema(kind: type[Recipe]) -> Tree:
    """Return the JSON schema of a recipe type; read-only, since making one takes long."""
    return kind.model_json_schema()


def _system(merged: Merged, name: str) -> str:
    """Return the system that the settings name; everything else depends on it."""
    game: Any = merged.tree.get("game")
    system = cast(Tree, game).get("system") if isinstance(game, dict) else None
    if isinstance(system, str):
        return system
    raise UsageError(
        f"game.system is missing (from {merged.origin(('game',)) or name}): expected the name of a "
        "system, as in game: {system: r3gan}"
    )


def _drop_nulls(tree: Tree, shape: Shape) -> None:
    """Take out every null that is no value of its setting, so that the default holds."""
    for path, value in list(leaves(tree)):
        if value is None and not shape.allows_null(path):
            cast(dict[str, Any], at(tree, path[:-1])).pop(path[-1])


def _data_layer(data: str | Path) -> Layer:
    """Return the layer of ``--data``.

    A path is made absolute, so that resuming finds it too. Settings of the recipe that only the
    other kind of data understands go back to their defaults.
    """
    path = Path(data).expanduser()
    source = str(path.resolve()) if path.exists() else str(data)
    images = source not in LAW_NAMES and path.suffix not in (".npy", ".npz")
    of_images = ("size", "resize", "channels", "background", "mirror", "dequantise")
    foreign = ("standardise",) if images else of_images
    if path.suffix == ".npz":  # may hold either kind
        foreign = ()
    return Layer({"data": {"source": source, **dict.fromkeys(foreign)}}, COMMAND_LINE)
