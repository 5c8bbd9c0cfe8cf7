"""InterFaceGAN on faces: a scorer's gates, planes in Z and W, conditional edits, real faces.

Runs: ``scorer``, ``planes`` (validation, remaining, entanglement in Z and W), ``edits`` (in W, to 3
deviations), ``glasses given age``, ``detail that turns`` (with poses, or clings to the grid of
pixels), ``real faces`` (projected to W, W+, pivots, an encoder alone and
with 20 steps), ``without labels``, ``20,000 codes …`` (planes and edits of more codes), ``finest
level`` (those of its twin) and ``progressive`` (Z only). The model of faces is that of the
part ``stylegan2``: with --work both take the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Row, trained_model
from parts.fidelity._scoring import PICTURES, SIZE, scorer
from parts.fidelity.stylegan2 import finest, of_recipe

from ganvas.cli.scoring import Trusted
from ganvas.data.cartoon.factors import ENTANGLED, Faces
from ganvas.data.cartoon.stills import kept_pictures
from ganvas.latent.boundaries import Boundary, correlations, cosines, entanglement
from ganvas.latent.combining import conditioned, over_slots
from ganvas.latent.directions import Direction
from ganvas.latent.encoding import Lessons
from ganvas.latent.factorised import closed_form, components
from ganvas.latent.projection import Schedule
from ganvas.latent.tuning import Tuning
from ganvas.metrics.attributes import Images
from ganvas.metrics.phase import phase
from ganvas.model import Model, load
from ganvas.model.attributes import Drawn, Floats, boundaries, drawn, effects, scores_of
from ganvas.model.codes import Codes, items_of
from ganvas.model.maps import style_maps
from ganvas.model.projection import errors_of, project_items, teach_encoder, tune_to

MINUTES = 10
RUNS_OF = "stylegan2"
CODES = 6_000
SHARE = 0.05
"""Of codes on each side: the paper's .02 of 500,000 would be 120 of these."""
MORE, SHARES = 20_000, (0.05, 0.02)
MOVED = 300
REACH = 3.0
"""Deviations of codes along a normal, to which samples are moved."""
TURNED, FRAMES = 64, 15
"""Faces whose detail is followed, and pictures of each."""
REAL = 48
STEPS, REFINED = 200, 20
TUNED = Tuning(steps=100, rate=2e-3)
LESSONS = Lessons(steps=600, batch=16)
GROWN = [
    *("data.source=faces", "data.size=32", "train.batch=16", "train.kimg=10"),
    *("game.growing.fade=2", "game.growing.rest=2"),
]


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    yield "scorer", partial(gates, work)
    yield "planes", lambda: planes(found(work))
    yield "edits", lambda: edits(found(work))
    yield "glasses given age", lambda: given_age(found(work))
    yield "detail that turns", lambda: detail(found(work))
    yield "real faces", partial(real_faces, work)
    yield "without labels", partial(without_labels, work)
    for share in SHARES:
        yield f"{MORE:,} codes, {share:.0%} a side", partial(of_more, work, share)
    yield "finest level", lambda: all_of(seen(load(finest(work), device="cpu"), work))
    yield "progressive", lambda: planes(grown(work)) | edits(grown(work))


def gates(work: Path) -> Row:
    """Return each attribute's accuracy on held-out faces, those in doubt left out."""
    known = scorer(work)
    row: Row = {name: round(known.accuracy[name], 4) for name in known.names}
    return row | {"pictures": PICTURES, "trusted": len(known.trusted)}


def all_of(of: Seen) -> Row:
    """Return what planes tell, what edits do, and glasses given age."""
    return planes(of) | edits(of) | given_age(of)


def of_more(work: Path, share: float) -> Row:
    """Return it of more codes of the model of faces, with real faces in W."""
    of = seen(load(of_recipe(work), device="cpu"), work, MORE, share)
    told = as_told(of, in_w(of.model))
    row = all_of(of) | {f"real, {name}": round(value, 3) for name, value in told.items()}
    return row | {"real, as told": round(float(np.mean(list(told.values()))), 3)}


@dataclass(frozen=True, eq=False)
class Seen:
    """A model, its scored samples, and their planes by space.

    Attributes:
        share: of samples on each side.
        spaces: Z, and W where there is one.
    """

    model: Model
    scoring: Trusted
    samples: Drawn
    scores: Floats
    planes: Mapping[str, Mapping[str, Boundary]]
    share: float

    @property
    def spaces(self) -> list[str]:
        return list(self.planes)

    def direction(self, space: str, name: str) -> Direction:
        return self.planes[space][name].direction

    def spread(self, space: str, direction: Direction) -> float:
        return float(direction.distances(self.samples.of(space)).std())


def seen(model: Model, work: Path, codes: int = CODES, share: float = SHARE) -> Seen:
    """Score samples once and learn all planes; of no attribute below its gate."""
    scoring, samples = Trusted(scorer(work)), drawn(model, codes)
    scores = scores_of(model, scoring, samples.spaces["z"], samples.z, samples.y)
    learnt = {
        space: boundaries(samples.of(space), scores, scoring.names, share=share)
        for space in ("z", "w")
        if space in samples.spaces
    }
    return Seen(model, scoring, samples, scores, learnt, share)


@cache
def found(work: Path) -> Seen:
    """Return what is seen of the model of faces."""
    return seen(load(of_recipe(work), device="cpu"), work)


@cache
def grown(work: Path) -> Seen:
    """Return what is seen of a Progressive GAN of faces."""
    return seen(trained_model("progressive/digits", work / "progressive-faces", GROWN), work)


def planes(of: Seen) -> Row:
    """Return how well planes part, and how far normals and scores are entangled.

    A plane lies between extremes: where most samples have an attribute, it tells half of them so.
    "by medians" is how often a sample is on its side of the median of scores and of distances.
    """
    row: Row = {"codes": len(of.scores), "share": of.share}
    for space, learnt in of.planes.items():
        for name, plane in learnt.items():
            row[f"{space} {name}, validation"] = round(plane.validation, 4)
            row[f"{space} {name}, remaining"] = round(plane.remaining or 0, 4)
            told = plane.direction.distances(of.samples.of(space)).numpy()
            scores = of.scores[:, of.scoring.names.index(name)]
            row[f"{space} {name}, scored above 0"] = round(float((scores > 0).mean()), 4)
            row[f"{space} {name}, beyond"] = round(float((told > 0).mean()), 4)
            alike = (told > np.median(told)) == (scores > np.median(scores))
            row[f"{space} {name}, by medians"] = round(float(alike.mean()), 4)
        normals = [plane.direction for plane in learnt.values()]
        matrix = cosines(normals)
        row[f"{space} mean |cosine|"] = round(entanglement(matrix), 4)
        row[f"{space} cosines"] = matrix.round(3).tolist()
    row["score correlations"] = correlations(of.scores).round(3).tolist()
    return row


def moved(of: Seen, space: str, moves: Mapping[str, Direction]) -> Any:
    """Return the effects of moves up to their reach, each from new samples."""
    samples = drawn(of.model, MOVED, seed=1)
    scaled = {
        name: Direction(of.spread(space, move) * move.vector, move.intercept)
        for name, move in moves.items()
    }
    steps = np.linspace(0, REACH, 4).tolist()
    codes = samples.of(space)
    return effects(of.model, of.scoring, samples.spaces[space], codes, scaled, steps, samples.y)


def edits(of: Seen) -> Row:
    """Move samples along each normal of the last space; tell changes in deviations of scores."""
    space = of.spaces[-1]
    names = of.scoring.names
    effect = moved(of, space, {name: of.direction(space, name) for name in names})
    row: Row = {"space": space, "reach": REACH}
    for i, name in enumerate(names):
        row[f"{name}, ρ"] = round(float(effect.rising[i, i]), 3)
        row[f"{name}, change"] = round(float(effect.changes[i, i] / effect.spreads[i]), 3)
        row[f"{name}, as told"] = round(float(effect.agreed[i, i]), 3)
    row["changes"] = (effect.changes / effect.spreads).round(3).tolist()
    return row


def given_age(of: Seen) -> Row:
    """Move samples along glasses, and along glasses without what age says."""
    names = list(of.scoring.names)
    if missing := {"glasses", "age"} - set(names):
        return {"withheld": f"the scorer is below its gate in {' and '.join(sorted(missing))}"}
    row: Row = {}
    for space in of.spaces:
        plain, age = (of.direction(space, name) for name in ("glasses", "age"))
        free, share = conditioned(plain, [age])
        effect = moved(of, space, {"plain": plain, "given age": free})
        for name in ("glasses", "age"):
            column = names.index(name)
            for i, move in enumerate(effect.rows):
                value = float(effect.changes[i, column] / effect.spreads[column])
                row[f"{space} {name}, {move}"] = round(value, 3)
        row[f"{space} share left"] = round(share, 3)
    return row


@torch.inference_mode()
def detail(of: Seen) -> Row:
    """Tell whether fine detail of faces moves with them, along the pose's normal in W."""
    move, space = of.direction("w", "pose"), of.samples.spaces["w"]
    way = torch.linspace(-REACH, REACH, FRAMES)[:, None] * of.spread("w", move) * move.vector
    frames = torch.stack([space.synthesise(code + way) for code in of.samples.of("w")[:TURNED]])
    return {name: round(value, 3) for name, value in phase(frames)._asdict().items()}


@cache
def held_out() -> Images:
    """Return held-out faces."""
    return kept_pictures(Faces.draw(REAL, 2, ENTANGLED), SIZE)


def in_w(model: Model) -> Codes:
    """Return their projections into W."""
    return project_items(model, held_out(), "w", schedule=Schedule(steps=STEPS)).codes


def real_faces(work: Path) -> Row:
    """Project held-out faces, move each attribute to its other side, and tell how often it went."""
    of = found(work)
    x, model = held_out(), of.model
    schedule = Schedule(steps=STEPS)
    ways: dict[str, Codes] = {"w": in_w(model)}
    ways["pivots"], _ = tune_to(model, ways["w"], x, "faces", tuning=TUNED)
    ways["w+"] = project_items(model, x, "w+", schedule=schedule).codes
    teach_encoder(model, "w", lessons=LESSONS)
    for name, steps in (("encoder", 0), ("encoder and steps", REFINED)):
        after = Schedule(steps=steps)
        ways[name] = project_items(model, x, "w", start="encoder", schedule=after).codes
    row: Row = {"faces": REAL}
    for name, codes in ways.items():
        row[f"{name}, error"] = round(float(errors_of(model, codes, x).mean()), 5)
        told = as_told(of, codes)
        row |= {f"{name}, {one}": round(value, 3) for one, value in told.items()}
        row[f"{name}, as told"] = round(float(np.mean(list(told.values()))), 3)
    return row


def as_told(of: Seen, codes: Codes) -> dict[str, float]:
    """Return for each attribute in which share of codes its score went where it was moved."""
    before = of.scoring(items_of(of.model, codes))
    shares: dict[str, float] = {}
    for column, name in enumerate(of.scoring.names):
        direction = of.direction("w", name)
        step = REACH * of.spread("w", direction) * direction.vector
        if codes.space == "w+":
            step = over_slots(Direction(step, 0.0), codes.x.shape[1]).vector
        way = torch.from_numpy(-np.sign(before[:, column])).float()
        x = codes.x + way.view(-1, *[1] * (codes.x.dim() - 1)) * step
        after = of.scoring(items_of(of.model, replace(codes, x=x)))[:, column]
        shares[name] = float(((after - before[:, column]) * way.numpy() > 0).mean())
    return shares


def without_labels(work: Path) -> Row:
    """Return the largest |cosine| of each normal in W with directions found without labels."""
    of = found(work)
    codes = of.samples.of("w")
    others = {
        "closed form": closed_form(style_maps(of.model), 16),
        "components": components(codes, 16),
    }
    row: Row = {}
    for kind, some in others.items():
        ways = torch.stack([direction.vector for direction in some.directions])
        for name in of.scoring.names:
            near = (ways @ of.direction("w", name).vector).abs()
            row[f"{name}, {kind}"] = round(float(near.max()), 3)
            row[f"{name}, number of {kind}"] = int(near.argmax())
        row[f"first share, {kind}"] = round(float(some.weights[0]), 3)
    return row
