"""``ganvas predict``: of which class items are, or which nodes of a graph belong together."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.items import check_file, read_graph, read_named, write_array
from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.errors import UsageError
from ganvas.files import misspelt, write_whole

if TYPE_CHECKING:
    from ganvas.data.graphs import Pairs
    from ganvas.model import Model
    from ganvas.model.trained import Array

Asked = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="Items; of a model of graphs a .npz file, links.csv, a folder with it, or a graph's "
        "name.",
    ),
]


def predict(
    run: ModelFolder,
    items: Asked,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A .csv table, or .npz arrays: probability, and pairs."),
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
    """Write the likeliest class of each item; of graphs, how likely links are.

    Those of given pairs, or the likeliest that the graph lacks. Nodes are numbered from 0, in the
    order of their rows.

    Example: ganvas predict runs/graph mine.npz --count 20 --out links.csv
    """
    from ganvas.play.abilities import CanPredict, CanPredictLinks, has

    check_file(out, ".csv", ".npz")
    model = load_model(run, game)
    if not has(model.game, CanPredictLinks):
        model.asked(CanPredict)
        x, names = read_named(Path(items), model, "predict")
        _write_classes(out, model, names, model.predict(x))
        say(f"{len(x):,} items: {out}")
        return
    nodes, links = read_graph(items, model)
    if pairs is None:
        wanted, chances = missing_links(model, nodes.x, links, count)
    else:
        wanted = _read_pairs(pairs)
        chances = model.predict(nodes.x, links=links, pairs=wanted)
    _write(out, wanted, chances)
    say(f"{len(wanted):,} pairs: {out}")


def missing_links(model: Model, x: Array, links: Pairs, count: int) -> tuple[Pairs, Array]:
    """Return the pairs without a link that a model believes most likely to have one.

    Args:
        model: of a graph.
        x: features (N, F) of the nodes, in data units.
        links: all links that are known, (E, 2).
        count: how many pairs, at most.

    Returns:
        Pairs (M, 2), the likeliest first, and their probabilities (M,) float32.

    Raises:
        UsageError: the graph does not fit the model, or ``count`` is no number of pairs.
    """
    import numpy as np

    from ganvas.data.graphs import unlinked_rows

    if count < 1:
        raise UsageError(f"expected at least 1 pair, not {count}")
    best, chances = np.empty((0, 2), np.int64), np.empty(0, np.float32)
    for pairs in unlinked_rows(links, len(x)):
        best = np.concatenate([best, pairs])
        chances = np.concatenate([chances, model.predict(x, links=links, pairs=pairs)])
        order = np.argsort(-chances, kind="stable")[:count]
        best, chances = best[order], chances[order]
    return best, chances


def _read_pairs(path: Path) -> Array:
    from ganvas.data.arrays import load_arrays

    if not path.is_file():
        raise UsageError(f"--pairs {path}: there is no such file{misspelt(path)}")
    pairs, *others = load_arrays(path).values()
    if others:
        raise UsageError(f"--pairs {path} holds {1 + len(others)} arrays; expected one, (M, 2)")
    return pairs


def _write_classes(out: Path, model: Model, names: Sequence[str], chances: Array) -> None:
    """Write classes as a table, file by file, or all probabilities (n, K) as arrays."""
    import numpy as np

    if out.suffix.lower() == ".npz":
        write_array(out, "probability", chances, files=np.array(names))
        return
    fields = [domain for domain in model.game.conditions.values() if domain.classes]
    called = [str(k) for k in range(chances.shape[1])]
    if fields and fields[0].names:
        called = [*fields[0].names]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "class", "probability"))
    for name, shares in zip(names, chances, strict=True):
        table.writerow((name, called[int(shares.argmax())], f"{float(shares.max()):.6f}"))
    write_whole(out, text.getvalue().encode())


def _write(out: Path, pairs: Array, chances: Array) -> None:
    import numpy as np

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
