"""Samples as points of a model's latents: ways through them, sums of them, and edits.

A `Place` is a sample by its seed and its number among the samples of that seed, both from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganvas.data.domain import PLANE
from ganvas.errors import UsageError
from ganvas.latent.combining import Move
from ganvas.latent.directions import neighbours, total
from ganvas.latent.walks import circle, walk
from ganvas.model.labels import Labels
from ganvas.model.model import Model
from ganvas.model.trained import Array, FieldValues
from ganvas.play import has
from ganvas.play.abilities import CanSample, HasLatentSpace

Place = tuple[int, int]
NEIGHBOURS = 8


def latents_at(
    model: Model, places: Sequence[Place], **options: Any
) -> tuple[Tensor, Tensor | None]:
    """Return the latents (n, …) of some samples, and the class (1,) of the first, or None.

    Raises:
        UsageError: there are none.
        CannotError: the system has no samples.
    """
    z, y = drawn_at(model, places, **options)
    return z, None if y is None else y[:1]


def drawn_at(model: Model, places: Sequence[Place], **options: Any) -> tuple[Tensor, Tensor | None]:
    """Return the latents (n, …) and the classes (n,) or None of some samples.

    Raises:
        UsageError: there are none.
        CannotError: the system has no samples.
    """
    model.asked(CanSample)
    model.refuse_beside(options)
    if not places:
        raise UsageError("no samples were named: give seeds, such as 0,1,2 or 0:17 for number 17")
    most: dict[int, int] = {}
    for seed, number in places:
        most[seed] = max(most.get(seed, 0), number + 1)
    drawn = {seed: model.latents(count, seed, **options) for seed, count in most.items()}
    z = torch.stack([drawn[seed][0][number] for seed, number in places])
    classes = [None if (y := drawn[seed][1]) is None else y[number] for seed, number in places]
    known = [y for y in classes if y is not None]
    return z, torch.stack(known) if known else None


def way_of(model: Model) -> str:
    """Return how latents of a model are best gone between: "slerp" in normal or spherical ones."""
    space = model.game.latent if has(model.game, HasLatentSpace) else None
    curved = space is not None and (space.spherical or space.kind == "normal")
    return "slerp" if curved else "lerp"


def wander(
    model: Model,
    places: Sequence[Place],
    steps: int = 10,
    how: str | None = None,
    *,
    loop: bool = False,
    label: Labels = None,
    given: FieldValues = None,
    batch: int = 256,
    **options: Any,
) -> Array:
    """Return the samples on a way through others, in data units.

    Everything but the latents is the same throughout: class, options, what layers draw.

    Args:
        model: draws samples.
        places: two or more samples; of a circle two.
        steps: samples of a leg, both its ends among them, at least 2. Legs share their ends.
        how: "slerp" along the sphere, "lerp" straight, or "circle"; None: as `way_of` says.
        loop: come back to the first, which is then not repeated at the end.
        label: one class for the whole way; by default that of the first sample.
        given: other conditions of the whole way, as for `Model.sample`.
        batch: how many go through the network at once.
        options: of samples, as for `Model.sample`.

    Raises:
        UsageError: there are too few samples or steps, or an option makes no sense.
        CannotError: the system has no samples.
    """
    if steps < 2:
        raise UsageError(f"a leg has its two ends, so at least 2 steps, not {steps}")
    keys, drawn = latents_at(model, places, **options)
    way = how or way_of(model)
    z = circle(keys, steps - 1) if way == "circle" else walk(keys, steps - 1, how=way, loop=loop)
    with model.posed(**options):
        return model.in_one_class(z, drawn, label, given, batch)


def by_legs(frames: Array, steps: int, closed: bool) -> Array:
    """Return the samples of a way leg by leg, ``steps`` of each: ends of legs appear twice."""
    legs = (len(frames) - (not closed)) // (steps - 1)
    index = np.arange(legs)[:, None] * (steps - 1) + np.arange(steps)
    return frames[index.ravel() % len(frames)]


@dataclass(frozen=True, eq=False)
class Sum:
    """What becomes of A − B + C.

    Attributes:
        terms: each sign with its exemplars' samples (n, …), and that of their mean latent (1, …).
        result: the sample of the sum, (1, …).
        around: samples of latents near it, (8, …).
        pixels: the same sum of the samples themselves, clipped, (1, …); None of what is no picture.
    """

    terms: list[tuple[int, Array, Array]]
    result: Array
    around: Array
    pixels: Array | None


def arithmetic(
    model: Model,
    terms: Sequence[tuple[int, Sequence[Place]]],
    *,
    spread: float = 0.25,
    seed: int = 0,
    label: Labels = None,
    given: FieldValues = None,
    **options: Any,
) -> Sum:
    """Add and subtract the mean latents of exemplars (Radford et al. 2016, figure 7).

    Args:
        model: draws samples.
        terms: signs, and the exemplars of each: [(1, A), (−1, B), (1, C)].
        spread: each number of a neighbour's latent differs by at most so much.
        seed: of the neighbours.
        label: one class for all; by default that of the first exemplar.
        given: other conditions of all, as for `Model.sample`.
        options: of samples, as for `Model.sample`.

    Raises:
        UsageError: a term has no exemplars.
        CannotError: the system has no samples.
    """
    groups = [(sign, latents_at(model, places, **options)) for sign, places in terms]
    drawn = groups[0][1][1] if groups else None
    latents = [(sign, z) for sign, (z, _) in groups]
    summed = total(latents)
    near = neighbours(summed, NEIGHBOURS, spread, torch.Generator().manual_seed(seed))
    means = [total([(1, z)]) for _, z in latents]
    whole = torch.cat([*(z for _, z in latents), torch.stack([*means, summed]), near])
    with model.posed(**options):
        x = model.in_one_class(whole, drawn, label, given)
    *shown, middles, result, around = np.split(x, _ends(latents))
    pairs = zip(latents, shown, np.split(middles, len(middles)), strict=True)
    found = [(sign, one, mean) for (sign, _), one, mean in pairs]
    return Sum(found, result, around, _pixel_sum(model, found))


def _ends(latents: Sequence[tuple[int, Tensor]]) -> list[int]:
    """Return where exemplars of each term, their means and the sum end in a row of latents."""
    counts = [*(len(z) for _, z in latents), len(latents), 1]
    return np.cumsum(counts).tolist()


def _pixel_sum(model: Model, terms: Sequence[tuple[int, Array, Array]]) -> Array | None:
    if model.domain.grid != PLANE:
        return None
    summed = sum(sign * x.astype(np.float64).mean(0, keepdims=True) for sign, x, _ in terms)
    return np.clip(np.rint(summed), 0, 255).astype(np.uint8)


def edited(
    model: Model,
    direction: Move,
    places: Sequence[Place],
    amounts: Sequence[float],
    *,
    absolute: bool = False,
    label: Labels = None,
    given: FieldValues = None,
    batch: int = 256,
    **options: Any,
) -> Array:
    """Return samples moved along a direction by each amount, sample by sample, in data units.

    Args:
        model: draws samples.
        direction: of this model's latents; or several, jointly.
        places: n samples.
        amounts: multiples of the direction's vector, 0 for the sample itself.
        absolute: amounts are the signed distances from its plane at which latents end.
        label: one class for all; by default that of the first sample.
        given: other conditions of all, as for `Model.sample`.
        batch: how many go through the network at once.
        options: of samples, as for `Model.sample`.

    Raises:
        UsageError: there are no samples or amounts.
        CannotError: the system has no samples.
    """
    if not amounts:
        raise UsageError("an edit needs amounts, such as -1,-0.5,0,0.5,1")
    z, drawn = latents_at(model, places, **options)
    move = direction.brought if absolute else direction.moved
    moved = torch.stack([move(z, amount) for amount in amounts], dim=1).flatten(0, 1)
    with model.posed(**options):
        return model.in_one_class(moved, drawn, label, given, batch)
