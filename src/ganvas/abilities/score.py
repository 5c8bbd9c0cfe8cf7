"""``ganvas score``: what a model thinks of items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.items import ARRAYS, Items, check_file, read_parts, write_array
from ganvas.cli.options import Game, GivenFields, ModelFolder, conditions, load_model
from ganvas.cli.speech import say


def score(
    run: ModelFolder,
    items: Items,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .npy or .npz array instead of printed lines."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Their class, of a model that was trained with classes.")
    ] = None,
    given: GivenFields = None,
    game: Game = None,
) -> None:
    """Say how much each item looks like real data to a model: higher is more.

    Prints a line for each: its file or number, and the discriminator's logit or a log-likelihood.

    Example: ganvas score runs/digits photos
    """
    import numpy as np

    check_file(out, *ARRAYS)
    model = load_model(run, game)
    told, names = conditions(given), list[str]()
    parts: list[np.ndarray] = []
    for x, called in read_parts(items, model, "score"):
        parts.append(model.score(x, label=label, given=told))
        names += called
    scores = np.concatenate(parts)
    if out is None:
        for name, value in zip(names, scores.tolist(), strict=True):
            say(f"{name}\t{value:.6g}")
        return
    write_array(out, "scores", scores, files=np.array(names))
    say(f"{len(scores)} scores from {scores.min():.4g} to {scores.max():.4g}: {out}")
