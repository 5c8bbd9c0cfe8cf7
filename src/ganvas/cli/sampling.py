"""``ganvas sample`` and ``ganvas interpolate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

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


class How(StrEnum):
    """The way between two latents."""

    SLERP = "slerp"
    LERP = "lerp"


def sample(
    run: ModelFolder,
    out: Out,
    count: Annotated[int, typer.Option(help="How many.", min=1)] = 64,
    seed: Seed = 0,
    label: Label = None,
    truncation: Truncation = 1.0,
    game: Game = None,
) -> None:
    """Draw samples from a trained model.

    Points are written in the data's own units, images as uint8.

    Example: ganvas sample runs/ring --count 1000 --seed 7 --out points.npy
    """
    from ganvas.model import disk_errors

    model = load_model(run, game)
    samples = model.sample(count, seed=seed, label=label, truncation=truncation)
    with disk_errors(out):
        model.domain.save(samples, out)
    say(f"{count} samples: {out}")


def interpolate(
    run: ModelFolder,
    out: Out,
    from_seed: Annotated[int, typer.Option(help="Where the way begins.", min=0)] = 0,
    to_seed: Annotated[int, typer.Option(help="Where it ends.", min=0)] = 1,
    steps: Annotated[int, typer.Option(help="How many samples, both ends included.", min=2)] = 8,
    how: Annotated[How, typer.Option(help="Along the sphere, or straight.")] = How.SLERP,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Two items of data, a folder or an array, in place of seeds."
        ),
    ] = None,
    label: Label = None,
    to_label: Annotated[
        str | None, typer.Option(help="The class where it ends, if that is another one.")
    ] = None,
    truncation: Truncation = 1.0,
    game: Game = None,
) -> None:
    """Draw the samples on the way between two seeds, classes, or items of a file.

    Example: ganvas interpolate runs/digits --from-seed 3 --to-seed 4 --steps 10 --out way.png
    """
    from ganvas.cli.encoding import read_items
    from ganvas.model import disk_errors

    model = load_model(run, game)
    if items is None:
        samples = model.interpolate(
            from_seed,
            to_seed,
            steps,
            how.value,
            label=label,
            to_label=to_label,
            truncation=truncation,
        )
    elif to_label is None:
        samples = model.between(read_items(items, model)[:2], steps, how.value)
    else:
        raise UsageError("--to-label goes from class to class between seeds, not between --items")
    with disk_errors(out):
        model.domain.save(samples, out)
    say(f"{steps} samples: {out}")
