"""What ``ganvas train --dry-run`` says: players, parameters, memory and time, writing nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ganvas.api.memory import complaint, device_of, footprints, room_on
from ganvas.cli.speech import table
from ganvas.config import Schedule, Settings
from ganvas.data.memory import amount
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.duration import duration
from ganvas.play import Player, Stage, build
from ganvas.recipes import Recipe
from ganvas.training.footprint import UNDER, Footprint, resident
from ganvas.training.loop import length_of


def plan(recipe: Recipe) -> str:
    """Return what a training of ``recipe`` would be, after some rounds on a throw-away copy."""
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    device = device_of(recipe)
    players = [_about(name, player) for name, player in game.players.items()]
    before = resident()
    found = footprints(recipe, game, source, device)
    lines = [
        f"{recipe.name}: {recipe.about}",
        f"data: {_data(source)}",
        "",
        table(players, ("player", "network", "parameters", "optimiser")),
        "",
        *_memory(recipe, source, found, before, device),
    ]
    total = 0.0
    for stage, taken in zip(game.stages(), found, strict=True):
        rounds = _length(stage, recipe, taken)
        spent = rounds * taken.seconds
        total += spent
        lines.append(
            f"{stage.name}: {rounds:,.0f} rounds of {1000 * taken.seconds:.3g} ms and "
            f"{taken.images:,.0f} real samples: {duration(spent)}"
        )
    lines.append(f"time: about {duration(total)} on this {device.type}, looks and pictures apart")
    if not all(one.whole for one in found):
        lines.append("memory and time are reckoned from rounds of fewer items")
    return "\n".join(lines)


def _about(name: str, player: Player) -> tuple[str, str, str, str]:
    networks = " + ".join(type(network).__name__ for network in player.networks)
    count = sum(p.numel() for p in player.parameters)
    return name, networks, f"{count:,}", _brief(player.settings)


def _brief(settings: Settings) -> str:
    """Return an optimiser in a few words, such as ``adam lr=0.0002``."""
    lr: float | Schedule = getattr(settings, "lr", 0.0)
    rate = f"{lr.start:g} to {lr.end:g}" if isinstance(lr, Schedule) else f"{lr:g}"
    return f"{getattr(settings, 'kind', '')} lr={rate}"


def _data(source: Source) -> str:
    spec = source.spec
    amount = "endless" if spec.size is None else f"{spec.size:,} items"
    classes = f", {spec.classes} classes" if spec.classes else ""
    return f"{spec.name}, {spec.domain.plural} of shape {spec.shape}, {amount}{classes}"


def _length(stage: Stage, recipe: Recipe, taken: Footprint) -> float:
    """Return how many rounds a stage is long."""
    rounds, kimg = length_of(stage, recipe.train)
    if rounds is not None:
        return rounds
    assert kimg is not None
    return math.ceil(1000 * kimg / max(taken.images, 1))


def _memory(
    recipe: Recipe,
    source: Source,
    found: Sequence[Footprint],
    before: int,
    device: torch.device,
) -> list[str]:
    """Return what playing takes, beside what this process holds already, and whether it fits."""
    worst = max(found, key=lambda one: one.memory())
    lines = [
        f"memory: about {amount(worst.memory())} while playing, {amount(UNDER * worst.memory())} "
        f"where the allocator leaves gaps: {amount(worst.standing)} of "
        f"weights, moments and averages, the rest for rounds of {worst.batch:,} items"
        + (f" (stage {worst.stage})" if len(found) > 1 else "")
        + f"; {amount(before)} of data and program"
    ]
    room = room_on(device)
    if room is not None and worst.memory() > room:
        lines.append(f"it does not fit: {complaint(recipe, source, found, room)}")
    return lines
