"""Pivotal tuning: a generator is moved a little, so that some codes give given items.

Source: Roich et al. 2021, "Pivotal Tuning for Latent-based Editing of Real Images". Codes, the
pivots, stay; weights are trained, and elsewhere in the space the generator is held to what it gave.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from ganvas.data.progress import Progress
from ganvas.errors import UsageError
from ganvas.latent.likeness import Likeness
from ganvas.latent.spaces import Maps, Space
from ganvas.networks.conditions import Given, at, chosen_rows
from ganvas.play import Noise

Delta = dict[str, Tensor]
"""What is added to parameters, by their names in the game."""


@dataclass(frozen=True)
class Tuning:
    """How a generator is tuned.

    Attributes:
        steps: of Adam.
        rate: its rate.
        batch: pivots in a step, all in turn.
        locality: weight of what holds the generator elsewhere; 0: nothing does.
        reach: how far from a pivot that is, in σ of the space, on the way to another code.
    """

    steps: int = 350
    rate: float = 3e-4
    batch: int = 16
    locality: float = 0.1
    reach: float = 1.0


TUNING: Final = Tuning()
"""The paper's steps and rate."""


def tune(
    space: Space,
    pivots: Tensor,
    target: Tensor,
    likeness: Likeness,
    sigma: float,
    noise: Noise,
    tuning: Tuning = TUNING,
    *,
    y: Given = None,
    maps: Maps | None = None,
) -> Delta:
    """Return what has to be added to weights so that pivots give items; the weights stay.

    Args:
        space: of the pivots.
        pivots: codes (N, *shape).
        target: items (N, *item) in network units.
        likeness: what is minimised, of pivots and of the codes at which the generator is held.
        sigma: σ of the space.
        noise: draws these codes.
        tuning: how.
        y: conditions of the items.
        maps: the pivots' noise maps; None: the stored ones.
    """
    size = min(tuning.batch, len(pivots))
    turns = (torch.arange(tuning.steps * size) % len(pivots)).view(-1, size)
    near = _near(space, pivots, turns[:, 0], sigma * tuning.reach, noise, y)
    alone = _free(space, pivots[:1], at(y, slice(1)))
    with alone as parameters, Progress("tuning", tuning.steps) as progress:
        before = {name: p.detach().clone() for name, p in parameters.items()}
        optimiser = torch.optim.Adam(parameters.values(), lr=tuning.rate)
        held = _items(space, near, turns[:, 0], y) if tuning.locality else []
        for step, rows in enumerate(turns):
            own = None if maps is None else [one[rows] for one in maps]
            items = space.synthesise(pivots[rows], chosen_rows(y, rows), own)
            loss = likeness.from_target(target[rows])(items).mean()
            if tuning.locality:  # x* = g(w_r; θ*), w_r = w_p + α (w − w_p)/‖w − w_p‖
                there = space.synthesise(near[step, None], chosen_rows(y, rows[:1]))
                apart = likeness.from_target(held[step])(there)
                loss = loss + tuning.locality * apart.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            progress.advance()
        delta = {name: p.detach() - before[name] for name, p in parameters.items()}
        _restore(parameters, before)
    return delta


@contextmanager
def tuned(game: nn.Module, delta: Mapping[str, Tensor]) -> Generator[None]:
    """Add a delta to a game's parameters for a block; then they are what they were, bit for bit.

    Raises:
        UsageError: the game has no such parameters.
    """
    known = dict(game.named_parameters())
    if odd := [n for n, d in delta.items() if n not in known or known[n].shape != d.shape]:
        raise UsageError(f"a tuning is of parameters that this model has not: {odd[0]}")
    moved = {name: known[name] for name in delta}
    before = {name: p.detach().clone() for name, p in moved.items()}
    with torch.no_grad():
        for name, parameter in moved.items():
            parameter.add_(delta[name].to(parameter))
    try:
        yield
    finally:
        _restore(moved, before)


def _near(
    space: Space, pivots: Tensor, which: Tensor, reach: float, noise: Noise, y: Given
) -> Tensor:
    """Return for each step a code near a pivot, (steps, *shape)."""
    from_here = pivots[which]
    with torch.no_grad():
        z = space.latents(len(which), noise).to(pivots)
        way = space.of(z, chosen_rows(y, which)) - from_here
    length = way.square().flatten(1).sum(1).sqrt().clamp_min(1e-12)
    return from_here + reach * way / length.view(-1, *[1] * (way.dim() - 1))


@torch.no_grad()
def _items(space: Space, codes: Tensor, which: Tensor, y: Given) -> list[Tensor]:
    """Return what the generator makes of each code by now, (1, *item) each."""
    made = [
        space.synthesise(part, chosen_rows(y, rows))
        for part, rows in zip(torch.split(codes, 64), torch.split(which, 64), strict=True)
    ]
    return list(torch.split(torch.cat(made), 1))


@contextmanager
def _free(space: Space, code: Tensor, y: Given) -> Generator[dict[str, nn.Parameter]]:
    """Give the parameters that items of a space depend on, which are free for the block."""
    named = dict(cast("Iterable[tuple[str, nn.Parameter]]", space.game.named_parameters()))
    were = {name: p.requires_grad for name, p in named.items()}
    try:
        for parameter in named.values():
            parameter.requires_grad_(True)
        total = space.synthesise(code, y).sum()
        slopes: Any = torch.autograd.grad(total, list(named.values()), allow_unused=True)
        reached = {n for n, slope in zip(named, slopes, strict=True) if slope is not None}
        for name, parameter in named.items():
            parameter.requires_grad_(name in reached)
        yield {name: p for name, p in named.items() if name in reached}
    finally:
        for name, parameter in named.items():
            parameter.requires_grad_(were[name])


@torch.no_grad()
def _restore(parameters: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])
