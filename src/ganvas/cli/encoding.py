"""``ganvas encode``, ``ganvas reconstruct`` and ``ganvas project``: from data back to latents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.items import PICTURES, Items, check_array_file, read_items, write_array
from ganvas.cli.linking import read_graph
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.trained import Array

Out = Annotated[
    Path,
    typer.Option(
        metavar="FILE", help="A .png grid, a .npy or .npz array in data units, or a folder."
    ),
]


def encode(
    run: ModelFolder,
    items: Items,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A .npy or .npz array of latents.")],
    game: Game = None,
) -> None:
    """Write the latents of items, (n, K) float32.

    Example: ganvas encode runs/veegan points.npy --out codes.npy
    """
    check_array_file(out)
    model = load_model(run, game)
    if model.spec.loose:
        graph, links = read_graph(str(items), model)
        codes = model.encode(graph.x, links=links)
    else:
        codes = model.encode(read_items(items, model))
    write_array(out, "latents", codes)
    say(f"{len(codes)} latents of width {codes.shape[1]}: {out}")


def reconstruct(
    run: ModelFolder,
    items: Items,
    out: Out,
    label: Annotated[
        str | None, typer.Option(help="A class to show the items' style in, by index or name.")
    ] = None,
    game: Game = None,
) -> None:
    """Write what the model makes of the items' latents; a .png shows items and answers in turn.

    Example: ganvas reconstruct runs/veegan photos --out pairs.png
    """
    model = load_model(run, game)
    x = read_items(items, model)
    _save(model, x, model.reconstruct(x, label=label), out)
    say(f"{len(x)} reconstructions: {out}")


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
    _save(model, x, nearest, out)
    mean = float(errors.mean())
    unit = f"{mean:.5f}"
    if model.domain.grid:
        unit = f"{mean / 4:.5f} for pixels in [0, 1], {mean:.5f} for pixels in [-1, 1]"
    say(f"mean squared error over {len(x)} items: {unit}")
    say(f"nearest samples: {out}")


def _save(model: Model, x: Array, answers: Array, out: Path) -> None:
    """Write answers; as a picture of images, each beside the item it belongs to."""
    import numpy as np

    from ganvas.files import disk_errors

    shown = answers
    if out.suffix.lower() in PICTURES and model.domain.grid:
        shown = np.stack([x, answers], 1).reshape(-1, *x.shape[1:])
    with disk_errors(out):
        model.domain.save(shown, out)
