"""From a recipe's name, data path and overrides to a validated recipe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from ganvas.data.catalogue import DATA_NAMES, likely_kind
from ganvas.data.procedural import procedural
from ganvas.data.readers.braces import absolute, is_address, is_shards
from ganvas.data.settings import foreign_options
from ganvas.errors import UsageError, flag, quoted
from ganvas.games import address, find_game
from ganvas.given import path_of
from ganvas.play import Game
from ganvas.recipes.catalogue import is_file_name, layers
from ganvas.recipes.complaints import Complaints
from ganvas.recipes.layers import Layer, Merged, at, leaves, merge
from ganvas.recipes.overrides import COMMAND_LINE, parse_overrides
from ganvas.recipes.schema import Recipe, recipe_type
from ganvas.recipes.shape import Shape
from ganvas.recipes.text import Tree, show

NAMED = "a name such as 'gan/ring8', or the path of a YAML file"


def load_recipe(
    name: str | Path,
    overrides: Sequence[str] = (),
    data: str | Path | None = None,
    game: str | type[Game] | None = None,
    command: str = "",
) -> Recipe:
    """Return the recipe called ``name`` with changes on top.

    Args:
        name: ``system/dataset``, or the path of a YAML file such as a run's ``config.yaml``.
        overrides: ``key=value`` words with dotted keys; values are YAML, and null takes a
            setting back to its default where null is no value of its own.
        data: takes the place of the recipe's ``data.source``; the user's own data say their
            shape, channels and labels themselves.
        game: a game of the user's own, ``module:Class`` or the class. Without it, a recipe that
            names one is refused: no file decides which code is run.
        command: that a right setting is shown with where one is wrong; by default one that trains.

    Raises:
        UsageError: the recipe does not exist, or a setting is wrong; the message has one line for
            each, with what was expected, where the value came from, and a command.
    """
    name = str(path_of(name, "recipe", NAMED))
    stack = layers(name)
    if not is_file_name(name) or not any("name" in layer.tree for layer in stack):
        stack.append(Layer({"name": name}, ""))
    changes = [parse_overrides(overrides)]
    if data is not None:
        changes.insert(0, _data_layer(data))
    before = merge([*stack, *changes])
    if game is not None and _named(before) is None:
        changes.append(Layer({"game": {"system": address(game)}}, COMMAND_LINE))
        before = merge([*stack, *changes])
    system = _system(before, name)
    try:
        kind = recipe_type(system, find_game(system, game))
    except UsageError as error:
        origin = before.origin(("game", "system")) or name
        raise UsageError(f"game.system (from {origin}): {error}") from None
    schema = _schema(kind)
    stack.insert(0, Layer(Shape(schema, {}).defaults(), "the defaults"))
    merged = merge([*stack, *changes])
    shape = Shape(schema, merged.tree)
    _drop_nulls(merged.tree, shape)
    _word_booleans(merged.tree, shape)
    try:
        return kind.model_validate(merged.tree)
    except ValidationError as error:
        command = command or f"ganvas train {quoted(name)}{flag(system)} --out DIR"
        raise Complaints(command, merged, shape, before=merge(stack)).about(error) from None


@cache
def _schema(kind: type[Recipe]) -> Tree:
    """Return the JSON schema of a recipe type; read-only, since making one takes long."""
    return kind.model_json_schema()


def named_system(name: str | Path) -> str:
    """Return the system that a recipe names, which need not exist; empty if it names none."""
    return _named(merge(layers(str(name)))) or ""


def _named(merged: Merged) -> str | None:
    """Return the system that the settings name, if they do; everything else depends on it."""
    game: Any = merged.tree.get("game")
    system = cast(Tree, game).get("system") if isinstance(game, dict) else None
    return system if isinstance(system, str) else None


def _system(merged: Merged, name: str) -> str:
    system = _named(merged)
    if system is not None:
        return system
    raise UsageError(
        f"game.system is missing (from {merged.origin(('game',)) or name}): expected the name of a "
        "system, as in game: {system: r3gan}"
    )


def _drop_nulls(tree: Tree, shape: Shape) -> None:
    """Take out every null that is no value of its setting, so that the default holds."""
    for path, value in list(leaves(tree)):
        if value is None and not shape.allows(path, "null"):
            cast(dict[str, Any], at(tree, path[:-1])).pop(path[-1])


def _word_booleans(tree: Tree, shape: Shape) -> None:
    """Make true and false words where no value is one of them: they are no numbers 1 and 0."""
    for path, value in list(leaves(tree)):
        if isinstance(value, bool) and not shape.allows(path, "boolean"):
            cast(dict[str, Any], at(tree, path[:-1]))[path[-1]] = show(value)


def _data_layer(data: str | Path) -> Layer:
    """Return the layer of ``--data``.

    A path is made absolute, so that resuming finds it too, as are names of shards; the name of a
    known set is none, whatever lies in this folder. Settings of the recipe that only the other kind
    of data understands go back to their defaults.
    """
    if not isinstance(data, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(
            f"data is a file, a folder or a name, not a {type(data).__name__}: give data in memory "
            "to ganvas.train(data=…), with the recipe's name, and the run keeps them"
        )
    if not str(data).strip():
        raise UsageError("--data is empty: give a file, a folder or the name of a data set")
    path = Path(data) if is_address(str(data)) else path_of(data, "data")
    known = isinstance(data, str) and data in DATA_NAMES
    source = str(path.resolve()) if path.exists() and not known else str(data)
    if is_shards(source):
        source = absolute(source)
    reset = [*foreign_options(likely_kind(source))]
    if source not in procedural():
        reset.append("variant")
    return Layer({"data": {"source": source, **dict.fromkeys(reset)}}, COMMAND_LINE)
