"""``ganvas nearest``: which training items are near to samples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ganvas.cli.items import read_items
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say, table

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.trained import Array

By = Literal["codes", "items"]


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
    by: Annotated[
        By | None,
        typer.Option(
            help="Compare codes, by direction, or the items as they are; by default codes, of "
            "models that have an encoder.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Find the training items nearest to samples, or to your own items, and tell copies.

    Near means a large cosine of their codes, or else a small distance of their pixels (of points:
    coordinates). A sample is a copy if one training item is three times as near as the next.

    Example: ganvas nearest runs/digits --count 8 --out nearest.png
    """
    import numpy as np

    from ganvas.api.run_items import training_items
    from ganvas.files import disk_errors, write_whole

    model = load_model(run, game)
    x = model.sample(count, seed=seed).x if items is None else read_items(items, model)
    known = training_items(run, game) if data is None else read_items(data, model)
    coded = "encode" in model.capabilities if by is None else by == "codes"
    found = (_by_codes if coded else _by_items)(model, x, known, neighbours)
    if out is not None and out.suffix.lower() == ".json":
        write_whole(out, json.dumps(found.plain).encode())
    elif out is not None:
        rows = np.concatenate([x[:, None], known[found.index]], axis=1)
        with disk_errors(out):
            model.domain.save(rows.reshape(-1, *x.shape[1:]), out, columns=neighbours + 1)
    say(found.about)
    if out is not None:
        say(f"nearest items: {out}")
        return
    pairs = zip(found.index.tolist(), found.values.tolist(), strict=True)
    lines = [
        (str(item), " ".join(map(str, row)), " ".join(f"{value:.4g}" for value in values))
        for item, (row, values) in enumerate(pairs)
    ]
    say(table(lines, ("item", "nearest", found.unit)))


@dataclass(frozen=True)
class _Found:
    """Neighbours (n, k), how near they are in a unit, and what that comes to in a line."""

    index: Array
    values: Array
    unit: str
    about: str
    plain: dict[str, Any]


def _by_codes(model: Model, x: Array, known: Array, k: int) -> _Found:
    from ganvas.model import nearest as find

    found = find(model, x, known, k)
    best = found.similarity[:, 0]
    about = f"mean {best.mean():.4f}, largest {best.max():.4f}"
    return _Found(
        found.index,
        found.similarity,
        "cosine",
        f"cosine with the nearest of {len(known):,} items: {about}",
        {"index": found.index.tolist(), "cosine": found.similarity.tolist()},
    )


def _by_items(model: Model, x: Array, known: Array, k: int) -> _Found:
    from ganvas.model import closest

    found = closest(model.domain, x, known, k)
    best = found.distance[:, 0]
    about = f"mean {best.mean():.4g}, smallest {best.min():.4g}"
    copied = f"{found.copied.sum()} of {len(x)} are copies"
    return _Found(
        found.index,
        found.distance,
        "distance",
        f"distance from the nearest of {len(known):,} items: {about}; {copied}",
        {
            "index": found.index.tolist(),
            "distance": found.distance.tolist(),
            "copy": found.copied.tolist(),
        },
    )
