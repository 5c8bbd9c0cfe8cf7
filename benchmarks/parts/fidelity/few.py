"""StyleGAN2 on 300 small faces: as it is, with ADA, and from all faces with FreezeD.

Runs: ``plain``, ``ada`` (p may cross [0, 1] in a seventh of the run), ``lower target`` (the same,
from a checkpoint on with a target below what r is anyway) and ``freezed``, of equal rounds. Each
tells how D judges training faces beside others, and its samples beside 1,000 faces that nobody
trained on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Row, to_the_end
from parts.fidelity.stylegan2 import shortly

from ganvas import api
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.of import measures_of
from ganvas.metrics.prdc import prdc
from ganvas.model import load
from ganvas.training.folder import METRICS

MINUTES = 20
RUNS_OF = "stylegan2"
PIXELS = 16
FACES = 300
OTHERS = 600
"""Faces held out of the run, beside which D judges those it is trained on."""
GAMMA = 0.0064
"""Of R1: .0002 · 256 pixels over a batch of 8, as StyleGAN2-ADA's code has it. That of other short
runs is for four times as many pixels, and holds D back so much that it is never sure of what it
knows."""
KIMG = 18.0
EARLY = 10.0
TARGET = 0.4
"""From `EARLY` kimg on: without changes r is about .5 there."""
WHOLE = 10.0
"""Of the model of all faces."""
SAMPLES = 1_000
SHOWN = ("ada/p", "ada/r")
FAST: dict[str, Any] = {"kimg": 2.5}
"""The controller crosses [0, 1] in a seventh of the run: the published 500 kimg would leave p below
.04."""


@cache
def everybody() -> Source:
    """Return all faces."""
    return open_data(DataSettings(source="faces", labels=False, size=PIXELS))


def few() -> dict[str, Any]:
    """Return the faces of the runs, of which two thirds are held out."""
    return {"x": everybody().items("train").x[: FACES + OTHERS]}


def played(work: Path, name: str, game: dict[str, Any], **more: Any) -> Path:
    """Return a run on few faces, trained once; a stopped one goes on."""
    game = {"penalties": {"r1": {"kind": "r1", "weight": GAMMA}, "r2": None}, **game}
    train = {"kimg": KIMG, "watch_every": 50, "log_every": 5, **more.pop("train", {})}
    part = {"data.hold_out": OTHERS / (FACES + OTHERS)}
    return shortly(work, f"few-{name}", game, few(), train, **part, **more)


def looked(run: Path) -> Row:
    """Return the gap of D, the controller's curve, and distances of samples from other faces."""
    rows = [json.loads(line) for line in (run / METRICS).read_text("utf-8").splitlines()]
    rows = [row for row in rows if "kimg" in row]
    late = [row for row in rows if row["kimg"] > 0.75 * rows[-1]["kimg"]]
    x = load(run, device="cpu").sample(SAMPLES, seed=1).x
    measures = measures_of(everybody(), torch.device("cpu"))
    made, others = (measures.look(v).features for v in (x, everybody().items("test").x[:SAMPLES]))
    found = {"kimg": rows[-1]["kimg"], "rounds": rows[-1]["round"]}
    for name in ("discriminator/gap", "discriminator/overfit", *SHOWN):
        values = [row[name] for row in late if name in row]
        if values:
            found[f"{name}, last quarter"] = round(float(np.mean(values)), 4)
    curve = [(row["kimg"], *(row[name] for name in SHOWN)) for row in rows if SHOWN[0] in row]
    if curve:
        found["p by kimg"] = {f"{kimg:g}": round(p, 3) for kimg, p, _ in curve[:: len(curve) // 8]}
        found["r by kimg"] = {f"{kimg:g}": round(r, 3) for kimg, _, r in curve[:: len(curve) // 8]}
    near = prdc(others, made, k=3)
    return {
        **found,
        "Fréchet distance": round(frechet_of_features(made, others), 4),
        "precision": round(near.precision, 3),
        "recall": round(near.recall, 3),
    }


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give all runs."""
    yield "plain", lambda: looked(played(work, "plain", {}))
    yield "ada", lambda: looked(played(work, "ada", {"ada": FAST}))
    yield "lower target", partial(lowered, work)
    yield "freezed", partial(freezed, work)


def lowered(work: Path) -> Row:
    """Measure a run that goes on from early in the one with ADA, with another target."""
    before = played(work, "ada-early", {"ada": FAST}, train={"kimg": EARLY})
    run = work / "few-lower-target"
    changes = [f"train.kimg={KIMG}", f"game.ada.target={TARGET}"]
    return looked(to_the_end(run, partial(api.branch, before, run, changes, quiet=True)))


def freezed(work: Path) -> Row:
    """Measure a run that begins with the networks of all faces, three layers of D at rest."""
    whole = shortly(work, "all faces", {}, train={"kimg": WHOLE}, **{"data.size": PIXELS})
    return looked(
        played(work, "freezed", {}, start_from=whole, train={"freeze": {"discriminator": 3}})
    )
