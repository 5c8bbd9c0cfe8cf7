"""``ganvas rescore``: what moving samples along directions does to every attribute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.exemplars import numbers
from ganvas.cli.items import check_file
from ganvas.cli.moves import GivenOrKept, load_moves, parted
from ganvas.cli.options import Game, Label, ModelFolder, Options, load_model, told
from ganvas.cli.scoring import read_scoring, say_withheld
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError
from ganvas.files import write_whole

if TYPE_CHECKING:
    from ganvas.model.attributes import Effects, Floats


def rescore(
    run: ModelFolder,
    direction: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE", help="A direction file, or a folder of such; may be repeated."
        ),
    ],
    scores: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="A scorer of ganvas scorer, MODULE:FUNCTION of your own, or discriminator.",
        ),
    ],
    given: GivenOrKept = None,
    amounts: Annotated[
        str, typer.Option(metavar="NUMBERS", help="From 0 to the one whose effect is told.")
    ] = "0,1,2,3",
    count: Annotated[int, typer.Option(help="Samples that are moved.", min=2)] = 500,
    seed: Annotated[int, typer.Option(help="Of the samples.", min=0)] = 1,
    space: Annotated[
        str | None, typer.Option(help="Of .npy files, which do not say: z, w, w+ or s.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Also write all numbers.")
    ] = None,
    label: Label = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Move samples along directions and score them again: a table of changes, row by row.

    The diagonal is what was asked for, all else is entangled with it. Changes are in standard
    deviations of the samples' scores; ρ is the rank correlation of each score with the amount.

    Example: ganvas rescore runs/faces --direction planes --scores scorer.safetensors
    """
    from ganvas.model.attributes import drawn, effects

    check_file(out, ".json")
    model, steps = load_model(run, game), numbers(amounts, "--amounts")
    scoring, withheld = read_scoring(scores, model)
    say_withheld(withheld)
    told_of, kept = parted(given)
    name, moves = load_moves(_files(direction), kept, model, space)
    samples = drawn(model, count, seed, label, told_of, **told(options, model))
    if name not in samples.spaces:
        raise UsageError(f"this model has no space '{name}': it has {', '.join(samples.spaces)}")
    codes = samples.of(name)
    where = samples.spaces[name]
    found = effects(model, scoring, where, codes, moves, steps, samples.y, **samples.options)
    say(f"changes from {steps[0]:g} to {steps[-1]:g} in {name}, in standard deviations of scores:")
    say(_square(found, found.changes / found.spreads))
    say("\nρ of scores and amounts:")
    say(_square(found, found.rising))
    if out is not None:
        write_whole(out, json.dumps(_plain(found, name, steps, withheld), indent=1).encode())
        say(f"all numbers: {out}")


def _files(given: Sequence[Path]) -> list[Path]:
    """Return direction files: those named, and those in folders that are named.

    Raises:
        UsageError: a folder holds none.
    """
    found: list[Path] = []
    for path in given:
        inside = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"{path} holds no direction files: expected some of ganvas directions")
        found += inside
    return found


def _square(found: Effects, values: Floats) -> str:
    lines = [
        (name, *(f"{x:+.2f}" for x in row)) for name, row in zip(found.rows, values, strict=True)
    ]
    return table(lines, ("moved", *found.names))


def _plain(
    found: Effects, space: str, amounts: Sequence[float], withheld: dict[str, str]
) -> dict[str, Any]:
    return {
        "space": space,
        "amounts": list(amounts),
        "moves": list(found.rows),
        "attributes": list(found.names),
        "changes": found.changes.tolist(),
        "spreads": found.spreads.tolist(),
        "rank correlations": found.rising.tolist(),
        "changed as told": found.agreed.tolist(),
        "mean change of pixels": found.moved.tolist(),
        "withheld": withheld,
    }
