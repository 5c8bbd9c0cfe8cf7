"""Direction files as ``ganvas edit`` and ``ganvas rescore`` are given them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.options import conditions
from ganvas.cli.speech import say
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.latent.directions import Direction
    from ganvas.model import Model

GivenOrKept = Annotated[
    list[str] | None,
    typer.Option(
        "--given",
        metavar="FILE",
        help="A direction that is to stay as it is; or FIELD=VALUE, a condition of samples, as of "
        "ganvas sample. May be repeated.",
    ),
]


def parted(words: Sequence[str] | None) -> tuple[dict[str, Any], list[Path]]:
    """Return conditions by field, and direction files, from words of ``--given``.

    ``FIELD=VALUE`` is a condition of samples unless a file is called so.

    Raises:
        UsageError: as of `conditions`.
    """
    told = [word for word in words or () if "=" in word and not Path(word).exists()]
    return conditions(told), [Path(word) for word in words or () if word not in told]


def load_moves(
    files: Sequence[Path], given: Sequence[Path], model: Model, space: str | None = None
) -> tuple[str, dict[str, Direction]]:
    """Return the space of direction files, and the directions by name, without what others say.

    Args:
        files: of directions.
        given: of those that are to stay as they are; a direction is not conditioned on itself.
        model: whose.
        space: of files that do not say; None: Z.

    Raises:
        UsageError: files are of several spaces or of another model, or nothing of one is left.
    """
    from ganvas.latent.combining import conditioned

    name = common_space([*files, *given], space)
    conditions = {path: load(path, model, name) for path in given}
    moves: dict[str, Direction] = {}
    for path in files:
        others = [c for other, c in conditions.items() if other.resolve() != path.resolve()]
        direction, share = conditioned(load(path, model, name), others)
        called = _called(path, files)
        if others:
            say(f"{called}: {share:.0%} of it is left beside {len(others)} conditions")
        moves[called] = direction
    return name, moves


def common_space(files: Sequence[Path], space: str | None) -> str:
    """Return the one space that direction files are of.

    Raises:
        UsageError: they are of several, or of another than the one that is named.
    """
    from ganvas.model.directions import LATENTS, space_in

    told = {path: space_in(path) for path in files}
    named = {one for one in told.values() if one is not None}
    if len(named) > 1:
        found = ", ".join(f"{path} of '{one}'" for path, one in told.items() if one)
        raise UsageError(f"directions are of one space, and these are not: {found}")
    known = next(iter(named), None)
    if known and space and known != space:
        raise UsageError(f"--space {space}: these directions are of the space '{known}'")
    return known or space or LATENTS


def load(path: Path, model: Model, space: str) -> Direction:
    """Return the direction in a file of a space."""
    from ganvas.model.directions import load_direction

    return load_direction(path, model, space)


def _called(path: Path, files: Sequence[Path]) -> str:
    """Return the name of a file, with its folder where names alone are not apart."""
    stems = [other.stem for other in files]
    return path.stem if stems.count(path.stem) == 1 else f"{path.parent.name}/{path.stem}"


def shared(words: Sequence[str]) -> dict[Path, float]:
    """Return direction files with their shares of an amount: ``FILE`` is 1, ``FILE=-1`` is −1.

    Raises:
        UsageError: a share is no number, or a file is named twice.
    """
    found: dict[Path, float] = {}
    for word in words:
        name, equals, share = word.rpartition("=")
        path = Path(name if equals else word)
        try:
            number = float(share) if equals else 1.0
        except ValueError:
            number = float("nan")
        if number != number or abs(number) > 1e6 or not path.name:
            raise UsageError(f"--direction {word}: expected FILE, or FILE=NUMBER for its share")
        if path in found:
            raise UsageError(f"--direction {path} is named twice")
        found[path] = number
    return found
