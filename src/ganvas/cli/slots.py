"""``ganvas nearest``: which training items are near to samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.items import read_items
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say, table

if TYPE_CHECKING:
    pass


def nearest(
    run: ModelFolder,
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A .npy or .npz array, a picture, or a folder of them; without it, samples.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A .png with a row for each item, an array of rows, or .json."
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="Samples, where no FILE is given.", min=1)] = 8,
    neighbours: Annotated[int, typer.Option(help="Neighbours of each item.", min=1)] = 7,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where to look instead of in the run's training data."),
    ] = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Find the training items nearest to samples, or to your own items, as the model sees them.

    Near means a large cosine of their codes: are samples copies of training items?

    Example: ganvas nearest runs/memory --count 8 --out nearest.png
    """
    import numpy as np

    from ganvas.api.run_items import training_items
    from ganvas.files import disk_errors, write_whole
    from ganvas.model import nearest as find

    model = load_model(run, game)
    x = model.sample(count, seed=seed) if items is None else read_items(items, model)
    known = training_items(run, game) if data is None else read_items(data, model)
    found = find(model, x, known, neighbours)
    if out is not None and out.suffix.lower() == ".json":
        content = {"index": found.index.tolist(), "cosine": found.similarity.tolist()}
        write_whole(out, json.dumps(content).encode())
    elif out is not None:
        rows = np.concatenate([x[:, None], known[found.index]], axis=1)
        with disk_errors(out):
            model.domain.save(rows.reshape(-1, *x.shape[1:]), out, columns=neighbours + 1)
    best = found.similarity[:, 0]
    about = f"mean {best.mean():.4f}, largest {best.max():.4f}"
    say(f"cosine with the nearest of {len(known):,} items: {about}")
    if out is not None:
        say(f"nearest items: {out}")
        return
    pairs = zip(found.index.tolist(), found.similarity.tolist(), strict=True)
    lines = [
        (str(item), " ".join(map(str, row)), " ".join(f"{cosine:.4f}" for cosine in cosines))
        for item, (row, cosines) in enumerate(pairs)
    ]
    say(table(lines, ("item", "nearest", "cosine")))
