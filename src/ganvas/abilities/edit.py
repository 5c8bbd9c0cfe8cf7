"""``ganvas edit``: samples moved along a direction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.exemplars import OneLabel, numbers, places
from ganvas.cli.options import Game, ModelFolder, Options, Out, load_model, told
from ganvas.cli.speech import say
from ganvas.files import disk_errors


def edit(
    run: ModelFolder,
    direction: Annotated[
        Path, typer.Option(metavar="FILE", help="What ganvas directions wrote for this model.")
    ],
    out: Out,
    amounts: Annotated[
        str,
        typer.Option(metavar="NUMBERS", help="Multiples of the direction, 0 for samples as such."),
    ] = "-1,-0.5,0,0.5,1",
    absolute: Annotated[
        bool,
        typer.Option(
            "--absolute", help="Amounts are signed distances from the direction's plane instead."
        ),
    ] = False,
    seeds: Annotated[
        str,
        typer.Option(metavar="SEEDS", help="Which samples: 0-8, or 3,5,9; 0:17 is number 17 of 0."),
    ] = "0-7",
    label: OneLabel = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Move samples along a direction, each by every amount: a picture has a row for each sample.

    Example: ganvas edit runs/digits --direction slant.safetensors --amounts 0,0.5,1 --out more.png
    """
    from ganvas.model.directions import load_direction
    from ganvas.model.exemplars import edited

    wanted, which = numbers(amounts, "--amounts"), places(seeds, "--seeds")
    model = load_model(run, game)
    moved = edited(
        model,
        load_direction(direction, model),
        which,
        wanted,
        absolute=absolute,
        label=label,
        **told(options),
    )
    with disk_errors(out):
        model.domain.save(moved, out, columns=len(wanted))
    say(f"{len(which)} samples at {len(wanted)} amounts: {out}")
