"""``ganvas project``: the samples that come nearest to items."""

from __future__ import annotations

from typing import Annotated

import typer

from ganvas.cli.items import Items, read_items, save_beside
from ganvas.cli.options import Game, ModelFolder, Out, Seed, load_model
from ganvas.cli.speech import say
from ganvas.data.domain import PLANE


def project(
    run: ModelFolder,
    items: Items,
    out: Out,
    restarts: Annotated[int, typer.Option(help="Searches for each item.", min=1)] = 3,
    steps: Annotated[int, typer.Option(help="Steps of each search.", min=1)] = 500,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Search the samples that come nearest to items, and say how near (IvOM).

    A .png shows items and nearest samples in turn.

    Example: ganvas project runs/digits photos --out nearest.png
    """
    model = load_model(run, game)
    x = read_items(items, model)
    nearest, errors = model.project(x, restarts=restarts, steps=steps, seed=seed)
    save_beside(model, x, nearest, out)
    mean = float(errors.mean())
    unit = f"{mean:.5f}"
    if model.domain.grid == PLANE:
        unit = f"{mean / 4:.5f} for pixels in [0, 1], {mean:.5f} for pixels in [-1, 1]"
    say(f"mean squared error over {len(x)} items: {unit}")
    say(f"nearest samples: {out}")
