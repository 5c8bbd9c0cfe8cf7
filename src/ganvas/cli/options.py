"""Arguments that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.model import Model

Game = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:CLASS",
        help="The game, if it is one of your own; no name in a file runs code.",
    ),
]
Games = Annotated[
    list[str] | None,
    typer.Option(
        "--game",
        metavar="MODULE:CLASS",
        help="A game of your own that one of both is of; may be repeated.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Where the run's data lie now, if they were moved; they are known by their content.",
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Other data of the same kind and shape, to be measured against instead.",
    ),
]
Run = Annotated[
    Path, typer.Argument(metavar="DIR", help="A run folder: the --out of ganvas train.")
]
ModelFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A run folder, or its model folder.")
]
Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Changes with dotted keys, such as train.batch=64; values are YAML.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same samples.", min=0)]
Label = Annotated[
    str | None,
    typer.Option(
        help="A class, by index or name, or a mixture such as 3:0.5,8:0.5; without it classes are "
        "drawn uniformly."
    ),
]
GivenFields = Annotated[
    list[str] | None,
    typer.Option(
        "--given",
        metavar="FIELD=VALUE",
        help="A condition: a word, numbers with commas, or a file; may be repeated.",
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="OPTION=VALUE",
        help="Options of the system's samples, such as truncation=0.7.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        metavar="FILE", help="A .png grid, a .npy or .npz array, a .csv table, or a folder."
    ),
]


OPTION = (
    "an option of samples: expected OPTION=VALUE, such as truncation=0.7. What begins with two "
    "dashes is an option of the command, and some of those take no value (see --help)"
)


def load_model(folder: Path, game: str | None, device: str = "auto") -> Model:
    """Return the model of a run or model folder, of a known system or of the game named."""
    from ganvas.model import load

    return load(folder, game, device)


def conditions(words: Sequence[str] | None) -> dict[str, Any]:
    """Return conditions by field from words such as ``speed=2.5`` or ``map=regions.npy``.

    Raises:
        UsageError: a word is not of that form, or its array cannot be read.
    """
    from ganvas.data.arrays import load_array

    found: dict[str, Any] = {}
    for word in words or ():
        field, equals, value = word.partition("=")
        if not equals or not field:
            raise UsageError(f"--given {word}: expected FIELD=VALUE, such as --given label=3")
        found[field] = load_array(Path(value)) if value.endswith(".npy") else value
    return found


def conditioned(label: str | None, given: Sequence[str] | None) -> dict[str, Any]:
    """Return a class and other conditions as what models are asked for them by.

    Raises:
        UsageError: as of `conditions`.
    """
    return {"label": label, "given": conditions(given)}


def refuse_unused(told: dict[str, Any], model: Model, what: str, *used: str) -> None:
    """Refuse options that say how samples are made, where none are: nobody would heed them.

    Args:
        told: options of samples, as `told` gives them.
        model: whose they are.
        what: is asked for, of which samples are no part.
        used: those that matter all the same.

    Raises:
        UsageError: there is one.
    """
    for name, value in model.sampling(**told).items():
        if name in model.game.Sampling.posing and name not in used:
            raise UsageError(f"{name}={value} says how samples are made, and {what}: leave it out")


def told(words: Sequence[str] | None, model: Model, *heard: str) -> dict[str, Any]:
    """Return options of samples from words such as ``truncation=0.7``.

    Args:
        words: as they were given.
        model: whose samples they are.
        heard: names of those about several samples together that are heeded, too.

    Raises:
        UsageError: a word is not of that form, the model's samples have no such option, or nobody
            would heed it.
    """
    from ganvas.recipes.overrides import parse_overrides

    found = parse_overrides(words or (), OPTION).tree
    model.refuse_beside(found, *heard)
    return found
