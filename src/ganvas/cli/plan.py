"""What ``ganvas train --dry-run`` says: players, parameters, memory and time, writing nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from ganvas.api.arithmetic import settled
from ganvas.api.fitting import fitted
from ganvas.api.memory import complaint, device_of, footprints, needed, room_on
from ganvas.api.transfer import start_from
from ganvas.cli.speech import table
from ganvas.config import Schedule, Settings
from ganvas.data.memory import amount
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.diagnosis.overlaps import uneven_layers
from ganvas.duration import duration
from ganvas.play import Game, Player, Stage, build
from ganvas.recipes import Recipe
from ganvas.training.footprint import UNDER, Footprint, resident
from ganvas.training.pace import pace
from ganvas.training.resting import at_rest

PATIENCE = 3.0
"""Seconds for which rounds of all stages together are waited for."""


def plan(recipe: Recipe, start: Path | None = None) -> str:
    """Return what a training of ``recipe`` would be, after some rounds on a throw-away copy.

    Args:
        recipe: what would be trained.
        start: a run whose networks would be taken over where they fit.

    Raises:
        UsageError: nothing of them fits.
    """
    source = open_data(recipe.data)
    recipe, fits = fitted(recipe, source.spec)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    recipe, notes = settled(recipe, game)
    taken = start_from(game, start) if start else []
    notes = [*taken, *notes, *at_rest(game, source, recipe.train.freeze)]
    device = device_of(recipe)
    players = [_about(name, player) for name, player in game.players.items()]
    before = resident()
    found = footprints(recipe, source, device)
    lines = [
        f"{recipe.name}: {recipe.about}",
        f"data: {_data(source)}",
        "",
        table(players, ("player", "network", "parameters", "optimiser")),
        "",
        *fits,
        *notes,
        *(f"warning: {line}" for line in uneven_layers(game)),
        *_memory(recipe, source, found, before, device),
        *_time(recipe, source, game, found, device),
    ]
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


def _brief_time(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:,.0f} s"


def _data(source: Source) -> str:
    spec = source.spec
    amount = "endless" if spec.size is None else f"{spec.size:,} items"
    classes = f", {spec.classes} classes" if spec.classes else ""
    return f"{spec.name}, {spec.domain.plural} of shape {spec.shape}, {amount}{classes}"


def _length(stage: Stage, taken: Footprint, recipe: Recipe) -> float:
    """Return how many rounds a stage is long."""
    rounds, kimg = stage.length(recipe.train.rounds, recipe.train.kimg)
    if rounds is not None:
        return rounds
    assert kimg is not None
    return math.ceil(1000 * kimg / max(taken.images, 1))


def _time(
    recipe: Recipe, source: Source, game: Game, found: Sequence[Footprint], device: torch.device
) -> list[str]:
    """Return how long the stages are, and how long they take, unless it is unsafe to try."""
    stages, room = game.stages(), room_on(device)
    lengths = [_length(*one, recipe) for one in zip(stages, found, strict=True)]
    if room is not None and UNDER * needed(found) > room:
        return [
            *(
                f"{stage.name}: {rounds:,.0f} rounds of {taken.images:,.0f} real samples"
                for stage, taken, rounds in zip(stages, found, lengths, strict=True)
            ),
            "time: not tried, because it may not fit",
        ]
    game, patience = game.to(device).train(), PATIENCE / len(stages)
    paces = [
        pace(taken, stage, game, source, recipe.train, device, recipe.seed, patience)
        for stage, taken in zip(stages, found, strict=True)
    ]
    lines = [
        f"{stage.name}: {rounds:,.0f} rounds of {_brief_time(one.seconds)} and "
        f"{taken.images:,.0f} real samples: {duration(rounds * one.seconds)}"
        for stage, taken, rounds, one in zip(stages, found, lengths, paces, strict=True)
    ]
    total = sum(rounds * one.seconds for rounds, one in zip(lengths, paces, strict=True))
    reckoned = "" if all(one.whole for one in paces) else ", reckoned from the beginning of a round"
    return [
        *lines,
        f"time: about {duration(total)} on this {device.type}, looks and pictures apart{reckoned}",
    ]


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
