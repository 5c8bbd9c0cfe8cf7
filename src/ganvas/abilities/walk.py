"""``ganvas walk``: samples on a way through several others, as a picture or an animation."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.exemplars import OneLabel, places
from ganvas.cli.items import PICTURES, check_place
from ganvas.cli.options import (
    Game,
    GivenFields,
    ModelFolder,
    Options,
    conditioned,
    load_model,
    told,
)
from ganvas.cli.spaces import CodeFile, SpaceName, chosen
from ganvas.cli.speech import say
from ganvas.data.animation import WRITERS, animated, require
from ganvas.errors import UsageError
from ganvas.files import disk_errors, write_whole


class Way(StrEnum):
    """How it goes from one latent to the next."""

    SLERP = "slerp"
    LERP = "lerp"
    CIRCLE = "circle"


def walk(
    run: ModelFolder,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="A .png with a row for each leg, a .gif or .mp4, an array, or a folder.",
        ),
    ],
    seeds: Annotated[
        str,
        typer.Option(
            metavar="SEEDS", help="Through which samples: 0-8, or 3,5,9; 0:17 is number 17 of 0."
        ),
    ] = "0-8",
    steps: Annotated[
        int | None,
        typer.Option(
            help="Samples of a leg, both ends among them; by default 10, of animations as many as "
            "are shown in a second.",
            min=2,
            show_default=False,
        ),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Come back to the first.")] = False,
    how: Annotated[
        Way | None,
        typer.Option(
            help="Along the sphere, straight, or a circle around two seeds; by default slerp of "
            "normal latents, lerp of others.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[float, typer.Option(help="Frames of an animation a second.")] = 24.0,
    space: SpaceName = None,
    codes: CodeFile = None,
    label: OneLabel = None,
    given: GivenFields = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Draw the samples on a way through several seeds: a row for each leg, or an animation.

    Only latents change on the way: conditions, options, and what layers draw stay as they are. With
    --space w styles do, and --codes are those of ganvas project in place of seeds.

    Example: ganvas walk runs/digits --seeds 0-8 --loop --out walk.gif
    """
    from ganvas.model.codes import lifted, wander_between
    from ganvas.model.exemplars import by_legs, wander

    suffix = out.suffix.lower()
    moving = suffix in WRITERS
    if moving:
        require(suffix, rate)
    keys = places(seeds, "--seeds")
    round_trip = how is Way.CIRCLE
    if round_trip and codes is None and len(keys) != 2:
        raise UsageError("--how circle goes around two seeds: name two, such as --seeds 0,1")
    count = steps or (max(2, round(rate) + 1) if moving else 10)
    model = load_model(run, game)
    check_place(model, out, moving)
    way = None if how is None else how.value
    asked, under = told(options, model), conditioned(label, given)
    if space is None and codes is None:
        frames = wander(model, keys, count, way, loop=loop, **under, **asked)
    else:
        through = chosen(model, codes, seeds, "--seeds", space or "z", **under, **asked)
        through = lifted(model, through, space or through.space)
        frames = wander_between(model, through, count, way, loop=loop, **asked)
    if moving:
        write_whole(out, animated(model.domain.pictures(frames), suffix, rate))
    elif suffix in PICTURES:
        with disk_errors(out):
            shown = by_legs(frames, count, loop or round_trip)
            model.written(**asked).save(shown, out, columns=count)
    else:
        with disk_errors(out):
            model.written(**asked).save(frames, out)
    say(f"{len(frames)} samples: {out}")
