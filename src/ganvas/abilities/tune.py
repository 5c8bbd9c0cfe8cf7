"""``ganvas tune``: a generator moved a little, so that codes give the very items (pivots)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.items import Items, read_items
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.spaces import Loss, read_chosen
from ganvas.cli.speech import say


def tune(
    run: ModelFolder,
    items: Items,
    codes: Annotated[
        str, typer.Option(metavar="FILE", help="The items' codes, which ganvas project wrote.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The .safetensors file of tuned codes, the pivots.")
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Of the file beside the model; by default that of --out."),
    ] = None,
    loss: Loss = None,
    steps: Annotated[int, typer.Option(help="Steps of Adam.", min=1)] = 350,
    rate: Annotated[float, typer.Option(help="Its rate.", min=0)] = 3e-4,
    locality: Annotated[
        float, typer.Option(help="Weight of what holds the generator at other codes.", min=0)
    ] = 0.1,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Tune a generator to items around their codes (pivotal tuning), and keep it beside the model.

    The model stays as it is: what is added to its weights lies in its folder, and the codes in
    --out name it. What takes these codes (sample, edit, interpolate, walk) uses the tuned model.

    Example: ganvas tune runs/faces photos --codes photos.safetensors --out pivots.safetensors
    """
    from ganvas.abilities.project import worded
    from ganvas.latent.likeness import PIXELS
    from ganvas.latent.tuning import Tuning
    from ganvas.model.codes import check_code_file, save_codes
    from ganvas.model.projection import errors_of, tune_to

    check_code_file(out, "--out")
    model = load_model(run, game)
    pivots, x = read_chosen(codes, model), read_items(items, model)
    tuning = Tuning(steps=steps, rate=rate, locality=locality)
    tuned, file = tune_to(
        model, pivots, x, name or out.stem, loss=loss or PIXELS, tuning=tuning, seed=seed
    )
    save_codes(out, tuned, model)
    before, after = (float(errors_of(model, one, x).mean()) for one in (pivots, tuned))
    say(f"mean squared error before: {worded(model, before)}")
    say(f"and tuned: {worded(model, after)}")
    say(f"tuning: {file.path}")
    say(f"pivots: {out}")
