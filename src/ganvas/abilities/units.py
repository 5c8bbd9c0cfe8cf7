"""``ganvas units``: which images, and where in them, excite units of a model of the future."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer

from ganvas.api.run_items import training_items
from ganvas.cli.items import check_file, read_items
from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.data import draw
from ganvas.data.choice import at_most
from ganvas.errors import UsageError
from ganvas.files import replacing
from ganvas.latent.units import Excited, most_excited
from ganvas.model.trained import Array
from ganvas.play.abilities import HasUnits

LOOKED = 2_048
"""Clips whose images are looked at."""


def units(
    run: ModelFolder,
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Clips, whose images are looked at; without it, training clips.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Where the figure goes.")] = Path(
        "units.png"
    ),
    layer: Annotated[
        int, typer.Option(help="Number of the convolution, 1 next to the image.", min=1)
    ] = 3,
    first: Annotated[int, typer.Option(help="Number of the first unit.", min=0)] = 0,
    count: Annotated[int, typer.Option(help="How many units, a row each.", min=1)] = 8,
    top: Annotated[int, typer.Option(help="Images for each unit.", min=1)] = 9,
    game: Game = None,
) -> None:
    """Draw the images that excite units of what looks at an image most, and where.

    Of a model that goes on from an image: for each unit of a layer of its encoder the images with
    the largest response, the region that excites it framed, the strongest first.

    Example: ganvas units runs/future --layer 2 --out units.png
    """
    check_file(out, ".png")
    model = load_model(run, game)
    asked = model.asked(HasUnits)
    clips = training_items(run, game) if items is None else read_items(items, model, "score")
    x = model.domain.encode(at_most(clips, LOOKED)).to(model.device)
    images = asked.unit_images(x)
    maps = asked.unit_maps(images[:1], layer).shape[1]
    if first >= maps:
        raise UsageError(f"--first {first}: layer {layer} has {maps} units, from 0 to {maps - 1}")
    rows: list[Array] = []
    for unit in range(first, min(first + count, maps)):
        found = most_excited(lambda some: asked.unit_maps(some, layer), images, unit, top)
        rows.append(framed(asked.shown(images[found.rows]), found))
    with replacing(out) as file:
        draw.grid(np.concatenate(rows), columns=len(rows[0])).save(file, "png")
    say(f"layer {layer}, units {first} to {first + len(rows) - 1}: {out}")


def framed(images: Array, found: Excited) -> Array:
    """Return pictures uint8 (n, H, W, C) with the region that excites a unit framed in white."""
    framed = images.copy()
    height, width = images.shape[1:3]
    boxes = cast(list[tuple[float, float, float, float]], found.boxes.tolist())
    for picture, (left, top, right, bottom) in zip(framed, boxes, strict=True):
        rows = slice(round(top * height), max(round(bottom * height), 1))
        columns = slice(round(left * width), max(round(right * width), 1))
        inside = picture[rows, columns].copy()
        picture[rows, columns] = 255
        picture[rows, columns][1:-1, 1:-1] = inside[1:-1, 1:-1]
    return framed
