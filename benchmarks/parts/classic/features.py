"""What a DCGAN's discriminator knows: ten labels a class, beside pixels, patches, no training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from common import Row, trained_model

from ganvas.abilities.probe import divided, probed
from ganvas.api.run_items import labelled_items, training_items
from ganvas.data.choice import at_most
from ganvas.metrics.probe import draws_of
from ganvas.model.features import Features

MINUTES = 16
ROUNDS = 1200
WIDTH = 16
PER_CLASS, DRAWS = 10, 10
SETS = ("mnist", "fashion_mnist")


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give a probe of a DCGAN on each set."""
    for name in SETS:
        yield name, partial(played, work, name)


def played(work: Path, name: str) -> Row:
    """Train a DCGAN without labels, and probe its discriminator."""
    folder = work / name
    networks = [
        f"game.{p}={{preset: dcgan, width: {WIDTH}}}" for p in ("generator", "discriminator")
    ]
    model = trained_model(f"dcgan/{name}", folder, [f"train.rounds={ROUNDS}", *networks])
    found = Features(model)
    parts = divided(labelled_items(folder))
    draws = draws_of(parts.pool.label, PER_CLASS, DRAWS, parts.names)
    found.restate(training_items(folder))
    rows = list(probed(found, parts, draws, at_most(parts.pool.x, 5_000)))
    first, *others = rows
    row: Row = {"rounds": ROUNDS, "numbers": first.width}
    for one in rows:
        row[one.name] = f"{100 * one.mean:.1f} ± {100 * one.error:.1f}"
    for one in others:
        gain, error = first.above(one)
        row[f"above {one.name}"] = f"{100 * gain:+.1f} ± {100 * error:.1f}"
    return row
