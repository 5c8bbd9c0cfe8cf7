"""``ganvas knn``: the 1-NN error of real items with samples as the reference set."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import typer

from ganvas.api.run_items import both_records
from ganvas.cli.items import read_labelled
from ganvas.cli.options import Game, ModelFolder, Options, Seed, load_model, told
from ganvas.cli.speech import say, table
from ganvas.data.choice import places
from ganvas.data.items import Items
from ganvas.data.records import LABEL
from ganvas.errors import UsageError
from ganvas.metrics.nearest_class import NearestClass
from ganvas.metrics.of import plain
from ganvas.model import Model

PART = 10_000
"""Samples at once; each part has a seed of its own: --seed, and how many there were before."""
MOST = 10_000
"""Real items that are classified."""


def knn(
    run: ModelFolder,
    count: Annotated[
        int, typer.Option(help="Samples in the reference set, of each class equally many.", min=1)
    ] = 50_000,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Labelled items to classify instead of those the run holds out."
        ),
    ] = None,
    seed: Seed = 0,
    options: Options = None,
    game: Game = None,
) -> None:
    """Classify real items by their nearest sample, and say how many go wrong (1-NN error).

    Beside it stands the error with real training items in place of samples, as many and all.
    Distances are of pixels (of points: coordinates). The reference set grows tenfold from line to
    line.

    Example: ganvas knn runs/digits --count 50000
    """
    model = load_model(run, game)
    if not model.game.conditions.classes:
        raise UsageError(
            "samples of this model have no classes that real items could take: train one with "
            "game.conditional=true"
        )
    known, held_out = both_records(run, game)
    if data is not None:
        x, labels = read_labelled(data, model)
        held_out = Items({"x": x} if labels is None else {"x": x, LABEL: labels})
    if held_out is None or LABEL not in held_out:
        what = "the run holds no items out" if held_out is None else f"{data} has no classes"
        raise UsageError(f"{what}: name labelled items with --data, such as a folder of folders")
    asked = held_out.rows(places(len(held_out), MOST))
    found = [
        (one.name, f"{one.size:,}", f"{100 * one.error:.2f} %", f"{one.distance:.4g}")
        for one in errors(model, known, asked, count, seed, **told(options, model))
    ]
    say(table(found, ("reference set", "of", "1-NN error", "mean distance")))
    say(f"of {len(asked):,} real items, {'held out' if data is None else data}")


class Reference(NamedTuple):
    """What real items make of a reference set.

    Attributes:
        name: what is in it.
        size: how many.
        error: share of real items whose class is not that of their nearest.
        distance: mean distance from their nearest.
    """

    name: str
    size: int
    error: float
    distance: float


def errors(
    model: Model, known: Items, asked: Items, count: int, seed: int = 0, **options: Any
) -> Iterator[Reference]:
    """Give the 1-NN errors of real items, with growing numbers of samples and training items.

    Args:
        model: draws samples of classes.
        known: training items.
        asked: real items with their classes.
        count: samples at most.
        seed: of the samples.
        options: of the samples.
    """
    queries, classes = plain(model.domain, asked.x), torch.from_numpy(asked[LABEL])
    order = places(len(known))

    def drawn(start: int, end: int) -> Items:
        k = model.game.conditions.classes
        labels = [number % k for number in range(start, end)]
        return model.sample(end - start, seed=seed + start, label=labels, **options)

    def real(start: int, end: int) -> Items:
        return known.rows(order[start:end])

    decades = {10**e for e in range(3, 12)}
    sets = {"samples": (drawn, {*(size for size in decades if size < count), count})}
    if LABEL in known:
        sets["training items"] = (real, {min(count, len(known)), len(known)})
    for name, (of, sizes) in sets.items():
        nearest = NearestClass(queries)
        for start, end in itertools.pairwise(sorted({0, *range(PART, max(sizes), PART), *sizes})):
            items = of(start, end)
            nearest.see(plain(model.domain, items.x), torch.from_numpy(items[LABEL]))
            if end in sizes:
                yield Reference(name, end, nearest.error(classes), nearest.distance())
