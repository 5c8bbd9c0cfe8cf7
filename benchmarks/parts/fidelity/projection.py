"""Projection on StyleGAN2's faces: samples against real faces, noise, W, W+, pivots, an encoder.

The run is that of the part ``stylegan2``: with --work both take the same one. It has no noise, so
that what is told of noise maps is of its twin with noise. Errors are mean squared ones of pixels in
[−1, 1], minimised as such; real faces are held-out ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from common import Row
from parts.fidelity.stylegan2 import of_recipe, shortly

from ganvas.api.run_items import held_out_items
from ganvas.latent.encoding import Lessons
from ganvas.latent.projection import Schedule
from ganvas.latent.tuning import Tuning, tuned
from ganvas.model import Model, load
from ganvas.model.attribution import attribute
from ganvas.model.codes import codes_at, items_of
from ganvas.model.projection import (
    Projection,
    Start,
    errors_of,
    project_items,
    teach_encoder,
    tune_to,
)
from ganvas.model.trained import Array

MINUTES = 8
RUNS_OF = "stylegan2"
COUNT = 48
STEPS = 200
SEED = 7
NOISY = 12.0
"""Thousands of images that the twin with noise is trained on."""
WHITENESS = Schedule().whiteness
TUNED = Tuning(steps=200, rate=2e-3)
LESSONS = Lessons(steps=400, batch=16)
REFINED = 20
"""Steps after the encoder."""


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give what is found of one model of faces."""
    yield "attribution", lambda: attribution(model(work), real(work), None, None)
    yield "stored noise, attribution", partial(with_noise, work, "fixed", None)
    yield "fresh noise, attribution", partial(with_noise, work, "random", WHITENESS)
    yield "fresh noise, attribution, free maps", partial(with_noise, work, "random", 0.0)
    yield "fresh noise, attribution, weight 0.1", partial(with_noise, work, "random", 0.1)
    yield "noise maps", partial(noise_maps, work)
    yield "real faces", partial(real_faces, work)
    yield "encoder", partial(encoder, work)


def model(work: Path) -> Model:
    """Return the model, trained once."""
    return load(of_recipe(work), device="cpu")


def noisy(work: Path) -> Model:
    """Return its twin with noise, trained once."""
    game = {"generator": {"noise": True}}
    return load(shortly(work, "faces with noise", game, train={"kimg": NOISY}), device="cpu")


def real(work: Path) -> Array:
    """Return held-out faces."""
    return held_out_items(of_recipe(work))[:COUNT]


@cache
def in_w(work: Path) -> Projection:
    """Return the faces' projections into W."""
    return project_items(model(work), real(work), "w", schedule=Schedule(steps=STEPS), batch=COUNT)


def with_noise(work: Path, noise: str, whiteness: float | None) -> Row:
    """Tell the twin's samples from faces, with the stored noise or with maps searched."""
    return attribution(noisy(work), real(work), noise, whiteness)


def attribution(m: Model, faces: Array, noise: str | None, whiteness: float | None) -> Row:
    """Tell samples from faces by their errors in W; of a model without noise maps noise is None."""
    test = attribute(
        m,
        faces,
        seed=SEED,
        options={"noise": noise} if noise else None,
        space="w",
        schedule=Schedule(steps=STEPS, whiteness=whiteness),
        batch=COUNT,
    )
    medians = [float(np.median(errors)) for errors in (test.own, test.others)]
    return {
        "kimg": m.provenance.kimg,
        "faces": COUNT,
        "steps": STEPS,
        "median of samples": medians[0],
        "median of faces": medians[1],
        "times": round(medians[1] / medians[0], 1),
        "auc": round(test.auc, 4),
    }


def noise_maps(work: Path) -> Row:
    """Return how much noise maps tell of their neighbours, with the regulariser and without."""
    m, x, schedule = noisy(work), real(work), Schedule(steps=STEPS)
    free = replace(schedule, whiteness=0.0)
    kept = project_items(m, x, "w", schedule=schedule, batch=COUNT)
    without = project_items(m, x, "w", schedule=free, batch=COUNT)
    assert kept.noise is not None
    assert without.noise is not None
    return {
        "kimg": m.provenance.kimg,
        "with": round(kept.noise, 4),
        "without": round(without.noise, 4),
        "error with": float(kept.errors.mean()),
        "error without": float(without.errors.mean()),
    }


def real_faces(work: Path) -> Row:
    """Return the errors of faces in W, in W+ and of pivots, and what tuning does elsewhere."""
    m, x, schedule = model(work), real(work), Schedule(steps=STEPS)
    plus = project_items(m, x, "w+", schedule=schedule, batch=COUNT)
    pivots, kept = tune_to(m, in_w(work).codes, x, "faces", tuning=TUNED)
    others = codes_at(m, [(SEED, number) for number in range(COUNT)], "w")
    before = m.domain.encode(items_of(m, others))
    with tuned(m.game, kept.tensors):
        after = m.domain.encode(items_of(m, others))
    w = float(in_w(work).errors.mean())
    nearer = float(errors_of(m, pivots, x).mean())
    return {
        "kimg": m.provenance.kimg,
        "w": w,
        "w+": float(plus.errors.mean()),
        "pivots": nearer,
        "w+ / w": round(float(plus.errors.mean()) / w, 3),
        "pivots / w": round(nearer / w, 3),
        "tuning steps": TUNED.steps,
        "change of other samples": float((after - before).square().mean()),
    }


def encoder(work: Path) -> Row:
    """Return the errors of faces and samples by an encoder alone, and with some steps after it."""
    m, x = model(work), real(work)
    teach_encoder(m, "w", lessons=LESSONS)
    row: Row = {
        "kimg": m.provenance.kimg,
        "lessons": LESSONS.steps,
        "steps after": REFINED,
    }
    ways: tuple[tuple[str, Start, int], ...] = (
        ("middle of W", "middle", 0),
        ("encoder", "encoder", 0),
        ("encoder and steps", "encoder", REFINED),
        ("middle and steps", "middle", REFINED),
    )
    for name, items in {"faces": x, "samples": m.sample(COUNT, seed=SEED).x}.items():
        for what, start, steps in ways:
            schedule = Schedule(steps=steps)
            found = project_items(m, items, "w", start=start, schedule=schedule, batch=COUNT)
            row[f"{name}, {what}"] = float(found.errors.mean())
    return row
