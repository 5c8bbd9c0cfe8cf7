"""``ganvas probe``: how much few labels tell with the help of a discriminator's features."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ganvas.abilities.features import BatchStatistics, Kept, Layers, Side, opened, renew_statistics
from ganvas.api.run_items import labelled_items
from ganvas.cli.items import check_file, read_splits
from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say, table
from ganvas.data.choice import at_most, places
from ganvas.data.domain import PLANE
from ganvas.data.items import Collection, Items
from ganvas.data.splits import held_out_rows
from ganvas.errors import UsageError
from ganvas.files import write_whole
from ganvas.metrics import probe as probing
from ganvas.metrics.patches import Patches
from ganvas.metrics.probe import Array, Labelled, Numbers, Probed, Represent, draws_of
from ganvas.model.features import Features, untrained
from ganvas.model.labels_alone import labels_alone

VALIDATION, TEST = 10_000, 10_000
"""Items at most that choose, and that are measured on."""
HELD_OUT = 0.2
"""Share of data without a test split that is one."""
UNLABELLED = 5_000
"""Images that patches are taken from."""
FIRST = "discriminator"
"""What all others stand beside."""


def probe(
    run: ModelFolder,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Labelled data, or a data set's name; by default the run's own."
        ),
    ] = None,
    labels_per_class: Annotated[
        int, typer.Option(help="Labelled items of each class in a draw.", min=1)
    ] = 10,
    draws: Annotated[int, typer.Option(help="Draws of labels.", min=1)] = 10,
    layers: Layers = None,
    side: Side = 4,
    statistics: Kept = BatchStatistics.REESTIMATED,
    centroids: Annotated[
        int, typer.Option(help="Of k-means on patches of images; 0 leaves that row out.", min=0)
    ] = 400,
    steps: Annotated[
        int,
        typer.Option(help="Of the same network, on the labels alone; 0 leaves it out.", min=0),
    ] = 300,
    seed: Annotated[int, typer.Option(help="Of the draws, and of the untrained network.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Also write all accuracies.")
    ] = None,
    game: Game = None,
) -> None:
    """Probe a discriminator: classify by its features, from a few labels of each class.

    Linear L2-SVMs whose C is chosen on validation items, and a look at test items once. Beside it
    the same with the untrained network, with raw values, with k-means on patches; and the
    network's own architecture, trained on nothing but the labels.

    Example: ganvas probe runs/dcgan --data mnist --labels-per-class 10
    """
    check_file(out, ".json")
    model = load_model(run, game)
    found = opened(model, layers, side)
    parts = divided(_read(run, data, found, game))
    drawn = draws_of(parts.pool.label, labels_per_class, draws, parts.names, seed)
    known = at_most(parts.pool.x, UNLABELLED)
    if statistics is BatchStatistics.REESTIMATED:
        renew_statistics(found, run, game)
    rows = list[Probed]()
    for row in probed(found, parts, drawn, known, centroids=centroids, steps=steps, seed=seed):
        rows.append(row)
        say(f"{row.name}: {row.mean:.1%} ± {row.error:.1%}")
    say(_table(rows))
    say(
        f"{draws} draws of {labels_per_class} labels for each of {len(parts.names)} classes; "
        f"chosen on {len(parts.validation):,} validation items, measured on {len(parts.test):,} "
        "others; ± standard error over draws"
    )
    if out is not None:
        told = [{**vars(row), "accuracies": row.accuracies.tolist()} for row in rows]
        write_whole(out, json.dumps(told, indent=2).encode())


def probed(
    found: Features,
    parts: Divided,
    draws: list[Numbers],
    unlabelled: Array,
    *,
    centroids: int = 400,
    steps: int = 300,
    seed: int = 0,
) -> Iterator[Probed]:
    """Give what linear classifiers reach on a discriminator's features, and on what is beside it.

    Args:
        found: the features, with the batch statistics that they are to have.
        parts: labelled data.
        draws: rows of its pool.
        unlabelled: items for what is learned without labels beside it, and for batch statistics.
        centroids: of k-means on patches; 0 leaves it out.
        steps: of the same network, on the labels alone; 0 leaves it out.
        seed: of the untrained network, and of patches.
    """
    names = [layer.name for layer in found.layers]
    fresh = Features(untrained(found.model, seed), names, found.side)
    fresh.restate(unlabelled)
    domain = found.model.read_by("score")

    def values(x: Array) -> Array:
        return domain.encode(x).flatten(1).numpy()

    ways: dict[str, Callable[[], Represent]] = {
        FIRST: lambda: found,
        "untrained discriminator": lambda: fresh,
        "raw values": lambda: values,
    }
    if centroids and domain.grid == PLANE:
        ways["k-means patches"] = lambda: Patches(unlabelled, centroids, seed=seed)
    for name, represent in ways.items():
        yield probing.probe(name, represent(), parts.pool, draws, parts.validation, parts.test)
    if steps:
        yield labels_alone(
            found.model, parts.pool, draws, parts.validation, parts.test, steps, found.side
        )


@dataclass(frozen=True)
class Divided:
    """Labelled data, divided.

    Attributes:
        pool: what labels are drawn from.
        validation: what chooses.
        test: what is measured on.
        names: of the classes.
    """

    pool: Labelled
    validation: Labelled
    test: Labelled
    names: tuple[str, ...]


def _table(rows: list[Probed]) -> str:
    """Return the rows as people read them, in per cent."""
    lines = list[tuple[str, ...]]()
    for row in rows:
        gain, error = rows[0].above(row)
        lines.append(
            (
                row.name,
                f"{row.width:,}" if row.width else "all",
                row.chosen,
                f"{100 * row.validation:.1f}",
                f"{100 * row.mean:.1f} ± {100 * row.error:.1f}",
                "" if row is rows[0] else f"{100 * gain:+.1f} ± {100 * error:.1f}",
            )
        )
    header = ("features", "numbers", "chosen", "validation", "test, %", f"{FIRST} above it")
    return table(lines, header)


def divided(found: Collection) -> Divided:
    """Return labelled data in three parts that share no item.

    Raises:
        UsageError: they have no labels.
    """
    train = _labelled(found, found.splits["train"])
    rows = places(len(train))
    if "test" in found.splits:
        test = _labelled(found, found.splits["test"])
    else:
        rows, held = held_out_rows(len(train), HELD_OUT)
        rows, test = rows[places(len(rows))], train.at(held)
    count = min(VALIDATION, len(rows) // 3)
    if not count:
        raise UsageError(
            f"{found.name} has {len(train)} labelled items: too few to divide in three"
        )
    return Divided(
        pool=train.at(np.sort(rows[count:])),
        validation=train.at(rows[:count]),
        test=test.at(places(len(test), TEST)),
        names=found.class_names,
    )


def _labelled(found: Collection, items: Items) -> Labelled:
    label = items.get("label")
    if label is None:
        raise UsageError(
            f"{found.name} has no labels: give one sub-folder per class, a labels.csv, or an .npz "
            "with an array 'labels'"
        )
    return Labelled(items.x, np.asarray(label))


def _read(run: Path, data: Path | None, found: Features, game: str | None) -> Collection:
    """Return labelled data in the form that the model scores: others, or the run's own."""
    if data is not None:
        return read_splits(data, found.model, "score")
    return labelled_items(run, game)
