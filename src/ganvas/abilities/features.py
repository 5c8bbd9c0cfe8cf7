"""``ganvas features``: what the layers of a discriminator give of items, as features."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ganvas.api.run_items import training_items
from ganvas.cli.items import ARRAYS, Items, check_file, read_parts, write_array
from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError
from ganvas.model import Model
from ganvas.model.features import Features
from ganvas.nn import BatchNorm


class BatchStatistics(StrEnum):
    """Those by which batch norms normalise."""

    REESTIMATED = "re-estimated"
    RUNNING = "running"


Layers = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…",
        help="Names or numbers, 1 next to the item; by default all that hold maps.",
        show_default=False,
    ),
]
Side = Annotated[
    int, typer.Option(help="Places along each side that maps are pooled to, by maxima.", min=1)
]
Kept = Annotated[
    BatchStatistics,
    typer.Option(help="Of batch norms: taken anew over training items, or as training left them."),
]


def features(
    run: ModelFolder,
    items: Items,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A .npy or .npz array of features.")],
    layers: Layers = None,
    side: Side = 4,
    statistics: Kept = BatchStatistics.REESTIMATED,
    half: Annotated[
        bool, typer.Option("--half", help="Write 16-bit numbers: half of the disk.")
    ] = False,
    game: Game = None,
) -> None:
    """Write what the discriminator's layers give of items, pooled to 4×4 places and joined.

    A layer is what a non-linearity gives. An .npz holds the features (n, F) float32, the items'
    files, and the names and widths of the layers in the features' order.

    Example: ganvas features runs/dcgan photos --out features.npz
    """
    check_file(out, *ARRAYS)
    model = load_model(run, game)
    found = opened(model, layers, side)
    parts = read_parts(items, model, "score")
    if statistics is BatchStatistics.REESTIMATED:
        renew_statistics(found, run, game)
    looked = [(found(x), names) for x, names in parts]
    values = np.concatenate([rows for rows, _ in looked])
    names = [name for _, called in looked for name in called]
    chosen = [layer.name for layer in found.layers]
    widths = np.array([layer.width for layer in found.layers])
    write_array(
        out,
        "features",
        values.astype(np.float16) if half else values,
        files=np.array(names),
        layers=np.array(chosen),
        widths=widths,
    )
    rows = [
        (str(number), layer.name, " × ".join(map(str, layer.shape)), f"{layer.width:,}")
        for number, layer in enumerate(found.known, 1)
        if layer in found.layers
    ]
    say(table(rows, ("layer", "name", "shape", "features")))
    say(f"{values.shape[1]:,} features of {len(values):,} items: {out}")


def opened(model: Model, layers: str | None, side: int) -> Features:
    """Return the features of a model, of the layers that words such as ``1,3`` name.

    Raises:
        CannotError: its system has no scores.
        UsageError: there is no such layer.
    """
    chosen = None if layers is None else [word.strip() for word in layers.split(",")]
    return Features(model, chosen, side)


def renew_statistics(found: Features, run: Path, game: str | None) -> None:
    """Take batch statistics anew over the run's training items, where there are any.

    Raises:
        UsageError: the run's data are not there.
    """
    if not any(isinstance(layer, BatchNorm) for layer in found.model.game.modules()):
        return
    try:
        known = training_items(run, game)
    except UsageError as error:
        raise UsageError(
            f"batch statistics are taken anew over the run's training items: {error}; to keep "
            "those of training, ask for --statistics running"
        ) from error
    found.restate(known)
