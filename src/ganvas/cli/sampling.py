"""``ganvas sample`` and ``ganvas interpolate``."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ganvas.cli.options import Game, Label, ModelFolder, Seed, Truncation, load_model
from ganvas.cli.speech import say
from ganvas.errors import UsageError

Out = Annotated[
    Path,
    typer.Option(
        metavar="FILE", help="A .png grid, a .npy or .npz array in data units, or a folder."
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


class How(StrEnum):
    """The way between two latents."""

    SLERP = "slerp"
    LERP = "lerp"


Slot = Annotated[
    int | None,
    typer.Option(help="Of models with a memory: one slot, as ganvas slots lists them.", min=0),
]


def sample(
    run: ModelFolder,
    out: Out,
    count: Annotated[int, typer.Option(help="How many.", min=1)] = 64,
    seed: Seed = 0,
    label: Label = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE",
            help="A condition: a word, numbers with commas, or a file; may be repeated.",
        ),
    ] = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Draw samples from a trained model, with the options that its system has.

    Points are written in the data's own units, images as uint8.

    Example: ganvas sample runs/ring truncation=0.7 --count 1000 --out points.npy
    """
    from ganvas.files import disk_errors

    model = load_model(run, game)
    samples = model.sample(
        count, seed=seed, label=label, given=conditions(given or []), **told(options or [])
    )
    with disk_errors(out):
        model.domain.save(samples, out)
    say(f"{count} samples: {out}")


def conditions(words: Sequence[str]) -> dict[str, Any]:
    """Return conditions by field from words such as ``speed=2.5`` or ``map=regions.npy``.

    Raises:
        UsageError: a word is not of that form, or its array cannot be read.
    """
    import numpy as np

    found: dict[str, Any] = {}
    for word in words:
        field, equals, value = word.partition("=")
        if not equals or not field:
            raise UsageError(f"--given {word}: expected FIELD=VALUE, such as --given label=3")
        found[field] = value
        if value.endswith(".npy"):
            try:
                found[field] = np.load(value, allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise UsageError(f"--given {word} cannot be read as a .npy file: {error}") from None
    return found


def told(words: Sequence[str]) -> dict[str, Any]:
    """Return options of samples from words such as ``truncation=0.7``."""
    from ganvas.recipes.overrides import parse_overrides

    return parse_overrides(words).tree


def interpolate(
    run: ModelFolder,
    out: Out,
    from_seed: Annotated[int, typer.Option(help="Where the way begins.", min=0)] = 0,
    to_seed: Annotated[int, typer.Option(help="Where it ends.", min=0)] = 1,
    corners: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C,D", help="Four seeds, for a square between them instead of a line."
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option(help="How many samples along a line or edge, ends included.", min=2)
    ] = 8,
    how: Annotated[
        How | None,
        typer.Option(help="Along the sphere, or straight; by default slerp, in squares lerp."),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Two items of data, a folder or an array, in place of seeds."
        ),
    ] = None,
    label: Label = None,
    to_label: Annotated[
        str | None, typer.Option(help="The class where a line ends, if that is another one.")
    ] = None,
    truncation: Truncation = 1.0,
    slot: Slot = None,
    game: Game = None,
) -> None:
    """Draw the samples on the way between two seeds or two items, or in a square of four seeds.

    In models with a memory the way leads through the space of keys, and each sample is drawn from
    the slot that is nearest there; with --slot it stays in that slot and only the noise changes.

    Example: ganvas interpolate runs/digits --corners 3,4,5,6 --steps 8 --out square.png
    """
    from ganvas.cli.items import read_items
    from ganvas.files import disk_errors

    four = None if corners is None else _seeds(corners)
    way = (how or (How.SLERP if four is None else How.LERP)).value
    model = load_model(run, game)
    if items is not None and (four is not None or slot is not None):
        raise UsageError("items of data are the ends of a line: give --items, --corners or --slot")
    if slot is not None and label is not None:
        raise UsageError("a slot has no class: give --slot or --label, not both")
    if to_label is not None and (items is not None or four is not None or slot is not None):
        raise UsageError("--to-label is the end of a line between seeds, without other ends")
    if items is not None:
        samples = model.between(read_items(items, model)[:2], steps, way)
    elif slot is not None:
        ends = (slot, (from_seed, to_seed) if four is None else four)
        samples = model.slots.between(*ends, steps, way, truncation=truncation)
    elif four is not None:
        samples = model.square(four, steps, way, label=label, truncation=truncation)
    else:
        ends = (from_seed, to_seed)
        samples = model.interpolate(
            *ends, steps, way, label=label, to_label=to_label, truncation=truncation
        )
    with disk_errors(out):
        model.domain.save(samples, out, columns=steps)
    say(f"{len(samples)} samples: {out}")


def _seeds(words: str) -> list[int]:
    """Return four seeds from words such as 3,4,5,6.

    Raises:
        UsageError: they are not four whole numbers from 0 on.
    """
    parts = [part.strip() for part in words.split(",")]
    if len(parts) != 4 or not all(part.isdecimal() and len(part) < 19 for part in parts):
        raise UsageError(f"--corners {words}: expected four seeds, such as --corners 0,1,2,3")
    return [int(part) for part in parts]
