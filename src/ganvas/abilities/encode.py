"""``ganvas encode``: the codes of items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.items import Items, check_array_file, read_graph, read_items, write_array
from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say


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
        codes = model.encode(read_items(items, model, "encode"))
    write_array(out, "latents", codes)
    say(f"{len(codes)} latents of width {codes.shape[1]}: {out}")
