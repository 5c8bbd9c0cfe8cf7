"""``ganvas reconstruct``: what a model makes of the codes of items."""

from __future__ import annotations

from typing import Annotated

import typer

from ganvas.cli.items import Items, check_place, read_items, save_beside
from ganvas.cli.options import Game, GivenFields, ModelFolder, Out, conditions, load_model
from ganvas.cli.speech import say


def reconstruct(
    run: ModelFolder,
    items: Items,
    out: Out,
    label: Annotated[
        str | None, typer.Option(help="A class to show the items' style in, by index or name.")
    ] = None,
    given: GivenFields = None,
    game: Game = None,
) -> None:
    """Write what the model makes of the items' latents; a .png shows items and answers in turn.

    Example: ganvas reconstruct runs/veegan photos --out pairs.png
    """
    model = load_model(run, game)
    check_place(model, out)
    x = read_items(items, model, "reconstruct")
    answers = model.reconstruct(x, label=label, given=conditions(given))
    save_beside(model, x, answers, out)
    say(f"{len(x)} reconstructions: {out}")
