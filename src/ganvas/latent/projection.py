"""Projection: the code and the noise maps of given items (Karras et al. 2020, appendix D).

Several items are searched for at once; each by itself, with draws of its own, so that it is found
alike in any company.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.latent.likeness import Apart, Likeness
from ganvas.latent.spaces import Space
from ganvas.networks.conditions import Given
from ganvas.play import Noise

SMALLEST: Final = 8
"""Side at which the pyramid of a noise map ends."""


@dataclass(frozen=True)
class Schedule:
    """How a search goes; t = step/steps runs from 0 to 1.

    Attributes:
        steps: of Adam.
        rate: its largest rate.
        rise, fall: shares of the search in which the rate rises, and falls to 0.
        jitter: standard deviation of what is added to codes at first, in σ of the space.
        calm: share of the search after which nothing is added.
        whiteness: weight of the autocorrelation of noise maps; None: maps stay as they are stored.
        doubled: the pyramid's means of 2×2 values count twice, which keeps the variance of noise
            (the paper); false: once, as in the official codes.
        closeness: weight of ‖c − μ‖²/σ², which keeps codes near the middle of their space.
    """

    steps: int = 1000
    rate: float = 0.1
    rise: float = 0.05
    fall: float = 0.25
    jitter: float = 0.05
    calm: float = 0.75
    whiteness: float | None = 1e5
    doubled: bool = True
    closeness: float = 0.0

    def rate_at(self, t: float) -> float:
        """Return λ·min(1, t/rise)·(½ − ½ cos(π·min(1, (1 − t)/fall)))."""
        fallen = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / self.fall))
        return self.rate * min(1.0, t / self.rise) * fallen

    def jitter_at(self, t: float) -> float:
        """Return the deviation of what is added, in σ: jitter·max(0, 1 − t/calm)²."""
        return self.jitter * max(0.0, 1 - t / self.calm) ** 2


SCHEDULE: Final = Schedule()
"""The paper's."""


@dataclass(eq=False)
class Found:
    """What a search found of N items.

    Attributes:
        codes: (N, *shape).
        maps: their noise maps, (N, 1, h, w) each; empty where there are none, or stored ones stay.
        items: what the generator makes of both, (N, *item) in network units.
        distances: by the loss of the search, (N,).
        errors: mean squared, (N,).
        frames: items on the way, (T, N, *item), if they were asked for.
    """

    codes: Tensor
    maps: list[Tensor]
    items: Tensor
    distances: Tensor
    errors: Tensor
    frames: list[Tensor] = field(default_factory=list[Tensor])


def project(
    space: Space,
    target: Tensor,
    likeness: Likeness,
    starts: Tensor,
    middle: tuple[Tensor, float],
    noises: Sequence[Noise],
    schedule: Schedule = SCHEDULE,
    *,
    y: Given = None,
    every: int | None = None,
    done: Callable[[int], None] = lambda n: None,
) -> Found:
    """Search for the codes of N items, and for their noise maps where the generator has noise.

    Args:
        space: in which.
        target: items (N, *item) in network units.
        likeness: what is minimised.
        starts: where the R searches of each item begin, (R, N, *shape); the best one counts.
        middle: μ and σ of the space.
        noises: a stream of random numbers for each item.
        schedule: of each search.
        y: conditions of the items.
        every: steps between frames; None: no frames.
        done: hears after each step of how many items it was.
    """
    apart = likeness.from_target(target)
    best: Found | None = None
    for number, start in enumerate(starts):
        drawn = [noise.branch("search", number) for noise in noises]
        found = _search(space, target, apart, start, middle, drawn, schedule, y, every, done)
        best = found if best is None else _nearer(best, found)
    assert best is not None
    return best


def _search(
    space: Space,
    target: Tensor,
    apart: Apart,
    start: Tensor,
    middle: tuple[Tensor, float],
    noises: Sequence[Noise],
    schedule: Schedule,
    y: Given,
    every: int | None,
    done: Callable[[int], None],
) -> Found:
    mean, sigma = middle[0].to(start), middle[1]
    codes = start.detach().clone().requires_grad_()
    searched = space.noisy and schedule.steps > 0  # without a step maps would be mere noise
    whiteness = schedule.whiteness if searched else None
    maps = [] if whiteness is None else _fresh(space, noises, start.device)
    optimiser = torch.optim.Adam([codes, *maps], lr=schedule.rate)
    frames: list[Tensor] = []
    for step in range(schedule.steps):
        t = step / schedule.steps
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(t)
        tried = codes
        if (width := schedule.jitter_at(t)) > 0:
            tried = codes + width * sigma * _normal(noises, codes)  # w̃ = w + N(0, 0.05 σ_w …)
        items = space.synthesise(tried, y, maps or None)
        loss = apart(items).sum()
        if whiteness:
            loss = loss + whiteness * autocorrelation_penalty(maps, doubled=schedule.doubled).sum()
        if schedule.closeness:
            far = (codes - mean).square().sum() / sigma**2
            loss = loss + schedule.closeness * far
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        renormalise(maps)
        done(len(codes))
        if every and step % every == 0:
            frames.append(items.detach())
    with torch.no_grad():
        maps = [one.detach() for one in maps]
        codes = codes.detach()
        items = space.synthesise(codes, y, maps or None)
        errors = (items - target).square().flatten(1).mean(1)
        frames += [items] if every else []
        return Found(codes, maps, items, apart(items), errors, frames)


def _nearer(a: Found, b: Found) -> Found:
    """Return of two searches what each item's better one found."""
    better = b.distances < a.distances

    def choose(mine: Tensor, other: Tensor) -> Tensor:
        return torch.where(better.view(-1, *[1] * (mine.dim() - 1)), other, mine)

    return Found(
        choose(a.codes, b.codes),
        [choose(*pair) for pair in zip(a.maps, b.maps, strict=True)],
        choose(a.items, b.items),
        choose(a.distances, b.distances),
        choose(a.errors, b.errors),
        [choose(*pair) for pair in zip(a.frames, b.frames, strict=True)],
    )


def _fresh(space: Space, noises: Sequence[Noise], device: torch.device) -> list[Tensor]:
    """Return noise maps of N items to begin with, each of its own stream."""
    drawn = [space.maps(1, noise) for noise in noises]
    together = [torch.cat(layer).to(device) for layer in zip(*drawn, strict=True)]
    renormalise(together)
    return [one.requires_grad_() for one in together]


def _normal(noises: Sequence[Noise], like: Tensor) -> Tensor:
    return torch.cat([noise.normal(1, *like.shape[1:]) for noise in noises]).to(like)


def autocorrelation_penalty(maps: Sequence[Tensor], *, doubled: bool = True) -> Tensor:
    """Return Σ_ij L_ij of noise maps (N, 1, h, w), (N,): 0 where no value tells its neighbours.

    L_ij is the square of the mean product of neighbours, across and down, around the edges; of each
    map i and of all levels j of its pyramid down to 8 pixels, made of means of 2×2 values, times 2.

    Args:
        maps: one for each layer.
        doubled: see `Schedule`.
    """
    total = maps[0].new_zeros(len(maps[0]))
    for level in maps:
        while True:
            for axis in (2, 3):
                total = total + (level * level.roll(1, axis)).mean((1, 2, 3)).square()
            if min(level.shape[2:]) <= SMALLEST:
                break
            level = F.avg_pool2d(level, 2) * (2 if doubled else 1)
    return total


@torch.no_grad()
def renormalise(maps: Sequence[Tensor]) -> None:
    """Bring each noise map (N, 1, h, w) to mean 0 and variance 1, where it is."""
    for one in maps:
        one -= one.mean((2, 3), keepdim=True)
        one *= one.square().mean((2, 3), keepdim=True).clamp_min(1e-12).rsqrt()


@torch.no_grad()
def autocorrelation(maps: Sequence[Tensor]) -> float:
    """Return how much noise maps tell of their neighbours: mean |correlation| of lag 1."""
    found: list[Tensor] = []
    for one in maps:
        centred = one - one.mean((2, 3), keepdim=True)
        power = centred.square().mean((1, 2, 3))
        found += [
            (centred * centred.roll(1, axis)).mean((1, 2, 3)).abs() / power for axis in (2, 3)
        ]
    return float(torch.stack(found).mean())
