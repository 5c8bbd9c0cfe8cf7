"""``ganvas predict``: which nodes of a graph belong together."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.data.graphs import Pairs
    from ganvas.data.items import Items
    from ganvas.model import Model
    from ganvas.model.trained import Array

Graph = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH", help="A .npz file, links.csv, a folder with it, or a graph's name."
    ),
]


def predict(
    run: ModelFolder,
    graph: Graph,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="A .csv table, or .npz arrays pairs, probability.")
    ],
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .npy array (M, 2) of nodes; by default all others."),
    ] = None,
    count: Annotated[
        int, typer.Option(help="How many of all pairs without a link: the likeliest.", min=1)
    ] = 100,
    game: Game = None,
) -> None:
    """Write how likely links are: of given pairs, or the likeliest that the graph lacks.

    Nodes are numbered from 0, in the order of their rows.

    Example: ganvas predict runs/graph mine.npz --count 20 --out links.csv
    """
    from ganvas.model import missing_links

    if out.suffix.lower() not in (".csv", ".npz"):
        raise UsageError(f"--out {out}: expected a .csv or .npz file for pairs")
    model = load_model(run, game)
    items, links = read_graph(graph, model)
    if pairs is None:
        wanted, chances = missing_links(model, items.x, links, count)
    else:
        wanted = _read_pairs(pairs)
        chances = model.predict(items.x, links=links, pairs=wanted)
    _write(out, wanted, chances)
    say(f"{len(wanted):,} pairs: {out}")


def read_graph(name: str, model: Model) -> tuple[Items, Pairs]:
    """Return the nodes and links of a graph for a model of graphs.

    Raises:
        UsageError: nothing is there, or the data or the model are of another kind.
    """
    from ganvas.data.catalogue import read
    from ganvas.data.graph_source import LINKS
    from ganvas.data.settings import DataSettings

    items = read(DataSettings(source=name)).splits["train"]
    if LINKS not in model.spec.fields or LINKS not in items:
        found = "no graph" if LINKS not in items else "a graph"
        raise UsageError(f"{name} is {found}, and the model was trained on {model.domain.plural}")
    return items, items[LINKS]


def _read_pairs(path: Path) -> Array:
    from ganvas.data.arrays import load_arrays

    if not path.is_file():
        raise UsageError(f"--pairs {path}: there is no such file")
    pairs, *others = load_arrays(path).values()
    if others:
        raise UsageError(f"--pairs {path} holds {1 + len(others)} arrays; expected one, (M, 2)")
    return pairs


def _write(out: Path, pairs: Array, chances: Array) -> None:
    import numpy as np

    from ganvas.files import write_whole

    if out.suffix.lower() == ".npz":
        content = io.BytesIO()
        np.savez(content, pairs=pairs, probability=chances)
        write_whole(out, content.getvalue())
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("source", "target", "probability"))
    table.writerows((i, j, f"{p:.6f}") for (i, j), p in zip(pairs, chances, strict=True))
    write_whole(out, text.getvalue().encode())
