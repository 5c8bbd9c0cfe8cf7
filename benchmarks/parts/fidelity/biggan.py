"""BigGAN on digits: labels, truncation, standing statistics, and rates that are too high.

Runs: ``digits`` (the recipe: agreement, worst class, variance), ``threshold …`` (untruncated, 2, 1,
½ and .1), ``statistics …`` at threshold ½, and ``rates x 30`` (when the run is called collapsed).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from common import Row

from ganvas import api
from ganvas.api.run_data import run_data
from ganvas.games.biggan import BigGAN
from ganvas.metrics.by_class import by_class, recognised
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.of import measures_of
from ganvas.model import load
from ganvas.training.folder import CONFIG, METRICS

MINUTES = 20
SAMPLES = 5_000
THRESHOLDS: dict[str, dict[str, Any]] = {
    "none": {},
    "2": {"threshold": 2.0},
    "1": {"threshold": 1.0},
    "0.5": {"threshold": 0.5},
    "0.1": {"threshold": 0.1},
}
FAST = 30
"""By how much rates are too high."""
SHORT: dict[str, Any] = {
    "sample_every": 0,
    "watch_every": 0,
    "tensorboard": False,
    "checkpoint_every": 100,
    "log_every": 20,
}

LATER: dict[str, Any] = {"at_end": False}


def trained(work: Path) -> Path:
    """Return a run of the recipe, trained once; one that was interrupted goes on."""
    run = work / "biggan-digits"
    if (run / CONFIG).exists():
        api.resume(run, quiet=True)
    else:
        api.train("biggan/digits", run, quiet=True, train=SHORT, evaluate=LATER)
    return run


def looked(run: Path, **options: Any) -> Row:
    """Measure samples against held-out digits, class by class."""
    its = run_data(run)
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


def rates(work: Path) -> Row:
    """Train with rates × 30; tell the round of each sign."""
    run = work / "biggan-fast"
    wild = {
        f"{player}_optimiser": {"kind": "adam", "lr": FAST * 2e-4, "beta1": 0.0, "beta2": 0.999}
        for player in ("generator", "discriminator")
    }
    settings = SHORT | {"stop_at": 150, "log_every": 5, "checkpoint_every": 25}
    game = wild | {"monitor_every": 5}
    ending = api.train(
        "biggan/digits",
        run,
        quiet=True,
        overwrite=True,
        game=game,
        train=settings,
        evaluate=LATER,
    )
    rows = [json.loads(line) for line in (run / METRICS).read_text("utf-8").splitlines()]
    (sign,) = BigGAN.signs
    called = [row["round"] for row in rows if row.get(sign.number, 0.0) > sign.above]
    spectrum = [row[sign.number] for row in rows if sign.number in row]
    return {
        "outcome": ending.outcome,
        "rounds": ending.rounds,
        "called collapsed in round": called[0] if called else None,
        "σ₀ of G at the end": round(spectrum[-1], 1) if spectrum else None,
        "verdict": api.diagnose(run).verdict,
    }


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    yield "digits", lambda: looked(trained(work))
    for name in THRESHOLDS:
        yield f"threshold {name}", partial(at_threshold, name, work)
    for name in ("running", "re-estimated", "pooled"):
        yield f"statistics {name}", partial(with_statistics, name, work)
    yield f"rates x {FAST}", partial(rates, work)
