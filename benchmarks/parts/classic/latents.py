"""What samples are worth as references, and what re-estimated batch statistics are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from common import Row, trained_model

from ganvas.abilities.knn import errors
from ganvas.api.run_items import both_records
from ganvas.data.choice import places
from ganvas.metrics.extractor import extract
from ganvas.metrics.extractors import default_extractor
from ganvas.metrics.frechet import frechet_of_features
from ganvas.model import Model

MINUTES = 4
ROUNDS = 300
WIDTH, HIDDEN = 16, 256
COUNT = 5_000
QUERIES = 1_000
JUDGED = 2_000
"""Samples in a distance."""


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give what is found of one conditional model of digits."""
    yield "knn", partial(reference, work)
    yield "statistics", partial(statistics, work)


def model(work: Path) -> Model:
    """Train the first author's conditional networks on digits, narrower ones, once."""
    parts = ("generator", "discriminator")
    narrow = f"{{preset: newmuMNIST, width: {WIDTH}, hidden: {HIDDEN}}}"
    words = [
        *("game.conditional=true", "game.pixels=unit", f"train.rounds={ROUNDS}"),
        *("train.batch=64", "train.average={half_life: 1.0}"),
        *(f"game.{part}={narrow}" for part in parts),
    ]
    return trained_model("dcgan/digits", work / "latents", words)


def reference(work: Path) -> Row:
    """Classify held-out digits by their nearest sample, and by their nearest training digit."""
    trained = model(work)
    known, held_out = both_records(work / "latents")
    assert held_out is not None
    asked = held_out.rows(places(len(held_out), QUERIES))
    row: Row = {"rounds": trained.provenance.rounds}
    for one in errors(trained, known, asked, COUNT):
        row[f"{one.size:,} {one.name}"] = f"{100 * one.error:.1f} %"
    return row


def statistics(work: Path) -> Row:
    """Return Fréchet distances of samples from held-out digits by batch norms' statistics."""
    trained = model(work)
    _, held_out = both_records(work / "latents")
    assert held_out is not None
    look = default_extractor(trained.spec.name, channels=1)
    real = extract(look, held_out.x).features
    row: Row = {"rounds": trained.provenance.rounds}
    for truncation in (1.0, 0.5):
        for which in ("running", "batch", "re-estimated"):
            x = trained.sample(JUDGED, truncation=truncation, statistics=which).x
            found = frechet_of_features(extract(look, x).features, real)
            row[f"{which}, truncation {truncation:g}"] = round(float(found), 2)
    return row
