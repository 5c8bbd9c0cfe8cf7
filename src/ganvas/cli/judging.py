"""``ganvas score`` and ``ganvas posterior``: what a model thinks of items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.items import ARRAYS, Items, check_array_file, read_items, read_named, write_array
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say
from ganvas.errors import UsageError


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
    game: Game = None,
) -> None:
    """Say how much each item looks like real data to a model: higher is more.

    Prints a line for each: its file or number, and the discriminator's logit or a log-likelihood.

    Example: ganvas score runs/digits photos
    """
    import numpy as np

    if out is not None:
        check_array_file(out)
    model = load_model(run, game)
    x, names = read_named(items, model)
    scores = model.score(x, label=label)
    if out is None:
        for name, value in zip(names, scores.tolist(), strict=True):
            say(f"{name}\t{value:.6g}")
        return
    write_array(out, "scores", scores, files=np.array(names))
    say(f"{len(scores)} scores from {scores.min():.4g} to {scores.max():.4g}: {out}")


def posterior(
    run: ModelFolder,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A .svg figure, or a .npy or .npz array of all of it."),
    ],
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A .npy or .npz array, a picture, or a folder of them; by default held-out items.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="Items shown in a figure.", min=1)] = 6,
    slots: Annotated[int, typer.Option(help="Slots shown for each item.", min=1)] = 9,
    top: Annotated[
        bool, typer.Option("--top", help="Show the most probable slots, not random ones.")
    ] = False,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Write how probably each item belongs to each component of the model's mixture.

    A figure shows bars for some slots of the memory, and a sample of each slot below its bar.

    Example: ganvas posterior runs/memory --out bars.svg
    """
    if out.suffix.lower() not in (".svg", *ARRAYS):
        raise UsageError(f"--out {out}: expected a .svg figure, or a .npy or .npz array")
    from ganvas.api.run_items import held_out_items

    model = load_model(run, game)
    x = held_out_items(run, game) if items is None else read_items(items, model)
    if out.suffix.lower() != ".svg":
        shares = model.posterior(x)
        write_array(out, "posterior", shares)
        say(f"{len(shares)} posteriors over {shares.shape[1]} components: {out}")
        return
    from ganvas.api.slots import posterior_figure
    from ganvas.data.choice import at_most
    from ganvas.files import write_whole

    shown = at_most(x, count) if items is None else x[:count]
    write_whole(out, posterior_figure(model, shown, slots, top=top, seed=seed).encode())
    say(f"posteriors of {min(count, len(x))} items over {slots} slots: {out}")
