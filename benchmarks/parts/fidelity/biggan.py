"""BigGAN on digits: labels, truncation, standing statistics, and rates that are too high.

Runs: ``digits`` and ``digits 1`` (the recipe, two seeds: agreement, worst class, variance),
``threshold …`` (untruncated, 2, 1, ½ and .1), ``statistics …`` at threshold ½ and the ``order of
statistics`` of both, ``rates x 30`` (when the run is called collapsed, and what an intervention
makes of it), ``labels shuffled``, and ``cost …`` of every recipe of both families.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from common import Row, to_the_end
from parts.fidelity._speed import speed

from ganvas import api
from ganvas.api.run_data import run_data
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.games.biggan import BigGAN
from ganvas.metrics.by_class import by_class, recognised
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.of import measures_of
from ganvas.model import load
from ganvas.training.folder import METRICS

MINUTES = 18
SAMPLES = 5_000
DRAWS = 200
"""Of bootstraps."""
THRESHOLDS: dict[str, dict[str, Any]] = {
    "none": {},
    "2": {"threshold": 2.0},
    "1": {"threshold": 1.0},
    "0.5": {"threshold": 0.5},
    "0.1": {"threshold": 0.1},
}
FAST, GOOD = 30, 100
"""By how much rates are too high, and how many rounds are played before they are."""
SHORT: dict[str, Any] = {
    "sample_every": 0,
    "watch_every": 0,
    "tensorboard": False,
    "checkpoint_every": 100,
    "log_every": 20,
}
WILD: dict[str, Any] = {
    "rounds": 1000,
    "interventions": [{"at": GOOD, "rate": FAST}],
    "stop_at": 350,
    "watch_every": 250,
    "guard": {"on_collapse": "stop"},
    "log_every": 5,
    "checkpoint_every": 5,
    "keep": 80,
}

LATER: dict[str, Any] = {"at_end": False}
SEEDS = (0, 1)
MISLED = 600
"""Rounds with labels that tell nothing: those that are obeyed at all are by then."""


def trained(work: Path, seed: int = 0) -> Path:
    """Return a run of the recipe, trained once."""
    return played(work / f"biggan-digits{seed or ''}", seed=seed)


def first(work: Path, seed: int) -> Row:
    """Train the recipe, and measure it; with the minutes of one core that training took."""
    start = time.process_time()
    run = trained(work, seed)
    return {"minutes of training": round((time.process_time() - start) / 60, 2)} | looked(run)


def played(run: Path, data: Path | None = None, **told: Any) -> Path:
    """Return a run of the recipe, on digits or on other data, played to its end."""
    place = None if data is None else str(data)
    told = {"train": SHORT, "evaluate": LATER} | told
    return to_the_end(run, partial(api.train, "biggan/digits", run, place, quiet=True, **told))


def looked(run: Path, like: Path | None = None, **options: Any) -> Row:
    """Measure samples against held-out digits, class by class: the run's own, or another's."""
    its = run_data(like or run)
    model, source = load(run), its.source
    classes, known = model.game.conditions.classes, source.known
    held_out = source.items("test")
    labels = [k % classes for k in range(SAMPLES)]
    measures = measures_of(source, model.device)
    fake = measures.look(model.sample(SAMPLES, seed=1, label=labels, **options).x)
    real, asked = measures.look(known.x), torch.tensor(labels)
    of_real = torch.from_numpy(known["label"])
    shown = recognised(fake, real, of_real, classes)
    found = by_class(fake.features, asked, shown, real.features, of_real, classes)
    return {
        "agreement": round(float(found.agreement.mean()), 4),
        "worst class": round(float(found.agreement.min()), 4),
        "variance": round(float(found.variance.nanmean()), 3),
        "Fréchet distance": round(
            frechet_of_features(fake.features, measures.look(held_out.x).features), 3
        ),
    }


def at_threshold(name: str, work: Path) -> Row:
    """Measure samples at a threshold, with standing statistics of its latents."""
    return looked(trained(work), statistics="re-estimated", **THRESHOLDS[name])


def with_statistics(name: str, work: Path) -> Row:
    """Measure samples at threshold ½ with batch norms of a kind."""
    return looked(trained(work), statistics=name, threshold=0.5)


def order(work: Path, seed: int) -> Row:
    """Return by what standing statistics are as far as running ones, with an interval over samples.

    Fréchet distances at threshold ½, of the same latents.
    """
    run = trained(work, seed)
    model, source = load(run), run_data(run).source
    measures = measures_of(source, model.device)
    held_out = measures.look(source.items("test").x).features
    labels = [k % model.game.conditions.classes for k in range(SAMPLES)]
    standing, running = (
        measures.look(
            model.sample(SAMPLES, seed=1, label=labels, statistics=name, threshold=0.5).x
        ).features
        for name in ("re-estimated", "running")
    )
    rng = np.random.default_rng(0)

    def ratio(rows: torch.Tensor) -> float:
        of = (frechet_of_features(some[rows], held_out) for some in (standing, running))
        return next(of) / next(of)

    drawn = [ratio(torch.from_numpy(rng.integers(0, SAMPLES, SAMPLES))) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {
        "standing over running": round(ratio(torch.arange(SAMPLES)), 3),
        "standing over running, 95 %": [round(float(low), 3), round(float(high), 3)],
    }


def rates(work: Path) -> Row:
    """Raise rates to × 30 after 100 rounds, and go on from the checkpoint before with usual ones.

    Tells when signs call the first run collapsed, when that ends it (verdicts come after a fifth of
    a run), and what becomes of the second one in 400 rounds.
    """
    run, rescued = work / "biggan-fast", work / "biggan-rescued"
    ending = api.train(
        "biggan/digits",
        run,
        quiet=True,
        overwrite=True,
        game={"monitor_every": 5},
        train=SHORT | WILD,
        evaluate=LATER,
    )
    rows = logged(run)
    called = next(iter(calls(rows)), None)
    finite = all(math.isfinite(x) for row in rows for x in row.values() if isinstance(x, float))
    words = [f"train.interventions=[{{at: {GOOD}, reset: true}}]", "train.stop_at=400"]
    api.branch(run, rescued, words, at=GOOD, overwrite=True, quiet=True)
    after = logged(rescued)
    return {
        "outcome": ending.outcome,
        "rounds": ending.rounds,
        "called collapsed in round": called,
        "all numbers finite": finite,
        "σ₀ of G at the end": round(rows[-1]["spectrum/generator"], 2),
        "verdict": api.diagnose(run).verdict,
        "rescued from round": GOOD,
        "rescued rounds": after[-1]["round"],
        "rescued called": next(iter(calls(after)), None),
        "rescued verdict": api.diagnose(rescued).verdict,
        **{f"collapsed, {k}": v for k, v in looked(run).items()},
        **{f"rescued, {k}": v for k, v in looked(rescued).items()},
    }


def logged(run: Path) -> list[Row]:
    """Return the rows of a log that hold numbers."""
    lines = (run / METRICS).read_text("utf-8").splitlines()
    return [row for row in map(json.loads, lines) if "event" not in row]


def calls(rows: list[Row]) -> Iterator[int]:
    """Give the rounds in which a sign of collapse is in the log."""
    for sign in BigGAN.signs:
        for end in range(3, len(rows) + 1):
            values = [abs(row[sign.number]) for row in rows[end - 3 : end] if sign.number in row]
            if values and not sign.below <= median(values) <= sign.above:
                yield rows[end - 1]["round"]


def shuffled(work: Path) -> Row:
    """Train with labels that tell nothing, for D and G alike."""
    run, path = work / "biggan-shuffled", work / "shuffled.npz"
    if not path.exists():
        items = open_data(DataSettings(source="digits")).items("train")
        order = np.random.default_rng(0).permutation(len(items))
        np.savez(path, images=items.x, labels=items["label"][order])
    played(run, path, train=SHORT | {"rounds": MISLED})
    return looked(run, trained(work))


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    for seed in SEEDS:
        yield f"digits {seed}".removesuffix(" 0"), partial(first, work, seed)
    for name in THRESHOLDS:
        yield f"threshold {name}", partial(at_threshold, name, work)
    for name in ("running", "re-estimated", "pooled"):
        yield f"statistics {name}", partial(with_statistics, name, work)
    for seed in SEEDS:
        yield f"order of statistics {seed}".removesuffix(" 0"), partial(order, work, seed)
    yield f"rates x {FAST}", partial(rates, work)
    yield "labels shuffled", partial(shuffled, work)
    for family in ("biggan", "biggan-deep"):
        for name in ("digits", "emoji", "faces"):
            yield f"cost {family}/{name}", partial(speed, f"{family}/{name}", work)
