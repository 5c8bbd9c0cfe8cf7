"""``ganvas attribution``: whether items are a model's own, by how near its projections come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.items import ARRAYS, Items, check_file, read_items, write_array
from ganvas.cli.options import (
    Game,
    GivenFields,
    ModelFolder,
    Options,
    Seed,
    conditions,
    load_model,
    told,
)
from ganvas.cli.spaces import Loss, SpaceName
from ganvas.cli.speech import say, table


def attribution(
    run: ModelFolder,
    items: Items,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .npz of all errors, own and others.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="Samples of the model; by default as many as items.", min=1),
    ] = None,
    space: SpaceName = None,
    loss: Loss = None,
    steps: Annotated[int, typer.Option(help="Steps of each search.", min=0)] = 1000,
    noise: Annotated[
        bool, typer.Option(help="Whether noise maps are searched for, too; else stored ones stay.")
    ] = True,
    whiteness: Annotated[
        float, typer.Option(help="Weight of the noise maps' autocorrelation.", min=0)
    ] = 0.1,
    label: Annotated[
        str | None, typer.Option(help="One class for all, for models with classes.")
    ] = None,
    given: GivenFields = None,
    seed: Seed = 0,
    options: Options = None,
    game: Game = None,
) -> None:
    """Project real items and samples of the model, and say how well errors tell them apart.

    Samples are drawn as options say. Noise maps are free to follow any noise, for strong noise
    hides what there is to tell; of samples with the stored one (noise=fixed) say --no-noise.

    Example: ganvas attribution runs/faces photos --steps 200
    """
    import numpy as np

    from ganvas.latent.likeness import PIXELS
    from ganvas.latent.projection import Schedule
    from ganvas.model.attribution import attribute

    check_file(out, *ARRAYS)
    model = load_model(run, game)
    x = read_items(items, model)
    found = attribute(
        model,
        x,
        count,
        seed=seed,
        space=space,
        loss=loss or PIXELS,
        schedule=Schedule(steps=steps, whiteness=whiteness if noise else None),
        label=label,
        given=conditions(given),
        options=told(options, model),
    )
    kinds = {"samples of the model": found.own, "other items": found.others}
    rows = [
        (name, str(len(errors)), *(f"{np.quantile(errors, q):.5f}" for q in (0.1, 0.5, 0.9)))
        for name, errors in kinds.items()
    ]
    say(table(rows, ("projected", "of", "10 %", "median", "90 %")))
    say(f"area under the curve: {found.auc:.3f}; own up to an error of {found.threshold:.5f}")
    if out is not None:
        write_array(out, "others", found.others, own=found.own)
        say(f"errors: {out}")
