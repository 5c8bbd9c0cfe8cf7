"""``ganvas directions``: a direction among latents, from samples with something and without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.exemplars import OneLabel, named, places, rows
from ganvas.cli.items import PICTURES
from ganvas.cli.options import Game, ModelFolder, Options, load_model, told
from ganvas.cli.speech import say
from ganvas.data.domain import PLANE
from ganvas.errors import UsageError
from ganvas.files import disk_errors

if TYPE_CHECKING:
    from ganvas.latent.directions import Direction
    from ganvas.model import Model
    from ganvas.model.exemplars import Place
    from ganvas.model.trained import Array

SHOWN = 4
"""New samples that a figure moves along the direction."""
FRESH = 1_000_003
"""Seed of these samples: none that anybody is likely to have chosen as an exemplar."""


def directions(
    run: ModelFolder,
    plus: Annotated[
        str,
        typer.Option(
            metavar="SEEDS", help="Samples with it: 3,5,9; 0:17 is number 17 of seed 0; 0-8."
        ),
    ],
    minus: Annotated[str, typer.Option(metavar="SEEDS", help="Samples without it.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The .safetensors file that ganvas edit takes.")
    ],
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Also draw exemplars, means and new samples moved."),
    ] = None,
    label: OneLabel = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Make a direction of latents from samples that show something and samples that do not.

    It is the way from the mean of these to the mean of those: for DCGAN's faces, the turn from
    left-looking to right-looking ones. ganvas edit moves samples along it.

    Example: ganvas directions runs/digits --plus 3,8,12 --minus 0,1,5 --out slant.safetensors
    """
    from ganvas.latent.directions import between
    from ganvas.model.directions import check_direction_file, save_direction
    from ganvas.model.exemplars import latents_at

    check_direction_file(out)
    if figure is not None and figure.suffix.lower() not in PICTURES:
        raise UsageError(f"--figure {figure}: expected a .png")
    with_it, without = places(plus, "--plus"), places(minus, "--minus")
    model, asked = load_model(run, game), told(options)
    if figure is not None and model.domain.grid != PLANE:
        raise UsageError(f"--figure is for images; this model makes {model.domain.plural}")
    latents = [latents_at(model, group, **asked)[0] for group in (with_it, without)]
    direction = between(*latents)
    found = {"method": "exemplars", "plus": named(with_it), "minus": named(without), **asked}
    save_direction(out, direction, model, found)
    say(f"direction of length {direction.length:.4g}: {out}")
    if figure is not None:
        shown, columns = _figure(model, direction, with_it, without, label, asked)
        with disk_errors(figure):
            model.domain.save(shown, figure, columns=columns)
        say(f"figure: {figure}")


def _figure(
    model: Model,
    direction: Direction,
    plus: Sequence[Place],
    minus: Sequence[Place],
    label: str | None,
    options: dict[str, Any],
) -> tuple[Array, int]:
    """Return pictures and how many are in a row.

    Rows of exemplars end with the sample of their mean latent, and the mean of their pixels; then
    new samples at −1 to 1 times the direction.
    """
    import numpy as np

    from ganvas.model.exemplars import arithmetic, edited

    groups = [arithmetic(model, [(1, g)], label=label, **options) for g in (plus, minus)]
    columns = max(len(plus), len(minus), 4) + 3
    amounts = np.linspace(-1, 1, columns).tolist()
    fresh = [(FRESH, number) for number in range(SHOWN)]
    moved = edited(model, direction, fresh, amounts, label=label, **options)
    tops = [[summed.terms[0][1], None, summed.result, summed.pixels] for summed in groups]
    return rows([*tops, [None], *([row] for row in np.split(moved, SHOWN))], columns), columns
