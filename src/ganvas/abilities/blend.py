"""``ganvas blend``: coarse levels of one model with fine ones of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.files import require_free
from ganvas.given import require_folder


def blend(
    below: ModelFolder,
    above: Annotated[
        Path, typer.Argument(metavar="DIR", help="The model that gives the finer levels.")
    ],
    level: Annotated[
        int,
        typer.Option(help="Height of the finest level that the first gives, in pixels.", min=1),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The model folder to write.")],
    width: Annotated[
        float,
        typer.Option(help="Over how many levels, down from there, the second sets in.", min=0),
    ] = 0.0,
    game: Game = None,
) -> None:
    """Join the coarse levels of a model with the fine ones of another that was trained from it.

    Of a model of photographs and its child of drawings: the shapes of one, the strokes of the
    other.

    Example: ganvas blend runs/faces runs/drawings --level 16 --out runs/blend
    """
    from ganvas.model.blending import save_blend

    require_folder(out)
    require_free(out)
    first, second = load_model(below, game), load_model(above, game)
    save_blend(out, first, second, level, width)
    say(f"levels up to {level} pixels of {below}, finer ones of {above}: {out}")
