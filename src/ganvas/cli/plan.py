"""What ``ganvas train --dry-run`` says: players, parameters, memory and time, writing nothing."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from ganvas.cli.speech import table
from ganvas.config import Schedule, Settings
from ganvas.data.feed import Feed
from ganvas.data.memory import amount
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.duration import duration
from ganvas.errors import UsageError
from ganvas.model.trained import choose_device
from ganvas.play import Game, Noise, Player, Stage, Turns, build
from ganvas.recipes import Recipe
from ganvas.training.loop import length_of

PATIENCE = 3.0
"""Seconds of timing per stage, after the first rounds."""
FIRST = 2
"""Rounds that are played before timing: they build optimisers and warm up caches."""
MIDDLE = 10_000
"""The round that timed rounds pretend to be, past every warm-up, where no length is known."""


@dataclass(frozen=True)
class Pace:
    """How fast a stage plays."""

    seconds: float
    images: float
    """Real samples of the main stream."""


def plan(recipe: Recipe) -> str:
    """Return what a training of ``recipe`` would be, after a few rounds on a throw-away copy."""
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    try:
        device = choose_device(recipe.train.accelerator)
    except UsageError as error:
        problem = f"train.accelerator={recipe.train.accelerator}: {error}"
        raise UsageError(f"{problem}; leave it at auto") from None
    game = game.to(device).train()
    players = [_about(name, player) for name, player in game.players.items()]
    paces = {stage.name: _pace(stage, game, source, recipe, device) for stage in game.stages()}
    lines = [
        f"{recipe.name}: {recipe.about}",
        f"data: {_data(source)}",
        "",
        table(players, ("player", "network", "parameters", "optimiser")),
        "",
        f"memory: {_memory(game, source, recipe, device)}",
    ]
    total = 0.0
    for stage in game.stages():
        rounds = _length(stage, recipe, paces[stage.name])
        spent = rounds * paces[stage.name].seconds
        total += spent
        pace = paces[stage.name]
        lines.append(
            f"{stage.name}: {rounds:,.0f} rounds of {1000 * pace.seconds:.3g} ms and "
            f"{pace.images:,.0f} real samples: {duration(spent)}"
        )
    lines.append(f"time: about {duration(total)} on this {device.type}, looks and pictures apart")
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


def _pace(stage: Stage, game: Game, source: Source, recipe: Recipe, device: torch.device) -> Pace:
    """Play rounds from the middle of a stage for a few seconds."""
    settings = recipe.train
    feed = Feed(source, batch=settings.batch, seed=recipe.seed, device=device)
    turns = Turns(game.players, Noise(recipe.seed, device), accumulate=game.accumulate)
    turns.hold()
    stage.begin(game, feed, turns)
    turns.progress = 0.5
    turns.round = (length_of(stage, settings)[0] or 2 * MIDDLE) // 2
    played, seen, started = 0, 0, time.perf_counter()
    while played < FIRST + 2 or time.perf_counter() - started < PATIENCE:
        if played == FIRST:
            turns.take_statistics()  # waits for the device
            seen, started = feed.seen, time.perf_counter()
        stage.play(feed, turns)
        turns.round += 1
        played += 1
    turns.take_statistics()
    timed = played - FIRST
    return Pace((time.perf_counter() - started) / timed, (feed.seen - seen) / timed)


def _length(stage: Stage, recipe: Recipe, pace: Pace) -> float:
    """Return how many rounds a stage is long."""
    rounds, kimg = length_of(stage, recipe.train)
    if rounds is not None:
        return rounds
    assert kimg is not None
    return math.ceil(1000 * kimg / max(pace.images, 1))


def _memory(game: Game, source: Source, recipe: Recipe, device: torch.device) -> str:
    """Return what weights, gradients, optimisers, averages and data take."""
    weights = sum(p.nbytes for p in game.parameters()) + sum(b.nbytes for b in game.buffers())
    gradients = sum(p.nbytes for player in game.players.values() for p in player.parameters)
    states = sum(
        value.nbytes
        for player in game.players.values()
        for state in player.optimiser.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )
    averaged = [game.get_submodule(name) for name in game.averaged] if recipe.train.average else []
    average = sum(p.nbytes for module in averaged for p in module.parameters())
    table = source.table(torch.device("cpu"))
    data = 0 if table.mapped else sum(field.nbytes for field in table.fields.values())
    parts = f"{amount(weights + gradients + states + average)} of weights and what belongs to them"
    if device.type == "cuda":
        parts += f", {amount(torch.cuda.max_memory_allocated())} at most while playing"
    return f"{parts}, {amount(data)} of data"
