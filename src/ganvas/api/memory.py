"""Whether a training fits into memory, and which setting makes it fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from pydantic import ValidationError

from ganvas.data.memory import amount, free_memory
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.model.device import choose_device
from ganvas.play import Game, build
from ganvas.recipes import Recipe
from ganvas.training.footprint import OVER, Footprint, footprint
from ganvas.training.skim import Skim

WORTH = 0.5
"""Share of the free memory below which a training is not looked at before it begins."""
BEGIN_WITH = 1 << 20
"""Numbers in a batch of items up to which a batch is tried as it is, where that costs nothing."""
OPERATIONS = 50_000
"""Operations of the longest round that is tried for a proposal: some seconds."""
LESS = 0.9
"""Cutting a batch into twice as many parts is worth it if it leaves less than this share."""
DEEP = 1000
"""Numbers that networks keep for each number of an item, at a high guess,"""
KEPT = 8
"""and for each of their weights: gradients, moments, averages, temporaries."""


def device_of(recipe: Recipe) -> torch.device:
    """Return where a recipe is trained.

    Raises:
        UsageError: there is no such device here.
    """
    try:
        return choose_device(recipe.train.accelerator)
    except UsageError as error:
        problem = f"train.accelerator={recipe.train.accelerator}: {error}"
        raise UsageError(f"{problem}; leave it at auto") from None


def footprints(recipe: Recipe, source: Source, device: torch.device) -> list[Footprint]:
    """Return what each stage takes, from rounds on a game of their own.

    On a processor nothing is done in them that takes long, unless the game cannot do without.
    """
    if device.type != "cpu":
        return _played(recipe, source, device)
    try:
        with Skim():
            return _played(recipe, source, device, BEGIN_WITH // math.prod(source.spec.shape))
    except UsageError:
        raise
    except Exception:  # some value was none that the game could have met
        return _played(recipe, source, device)


def _played(recipe: Recipe, source: Source, device: torch.device, most: int = 0) -> list[Footprint]:
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    game = game.to(device).train()
    return [
        footprint(stage, game, source, recipe.train, device, recipe.seed, most)
        for stage in game.stages()
    ]


def refuse_too_large(recipe: Recipe, source: Source, game: Game) -> None:
    """Refuse a training that will not fit into memory, before anything is written.

    Where that is out of the question, nothing is looked at; the game is not played.

    Raises:
        UsageError: it takes more than is free even if the estimate is too high; with what fits.
    """
    train = recipe.train
    if train.devices != 1 or train.nodes > 1:
        return  # estimates are of one process
    device = device_of(recipe)
    room = room_on(device)
    numbers = recipe.train.batch * math.prod(source.spec.shape)
    weights = sum(p.numel() for p in game.parameters())
    if room is None or 4 * (DEEP * numbers + KEPT * weights) < WORTH * room:
        return
    found = footprints(recipe, source, device)
    if needed(found) > OVER * room:
        raise UsageError(complaint(recipe, source, found, room))


def needed(found: Sequence[Footprint]) -> float:
    """Return the bytes of the stage that takes most."""
    return max(one.memory() for one in found)


def room_on(device: torch.device) -> int | None:
    """Return the bytes that are free there, None where nothing tells."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_memory()


def complaint(recipe: Recipe, source: Source, found: Sequence[Footprint], room: float) -> str:
    """Return that a training does not fit, and the settings with which it does."""
    worst = max(found, key=lambda one: one.memory())
    told = (
        f"rounds of {worst.batch:,} items take about {amount(worst.memory())} of memory, and "
        f"{amount(room)} are free"
    )
    batch = worst.fitting(room)
    if not batch:
        return f"{told}; the networks alone take {amount(worst.memory(1))}: choose smaller ones"
    if worst.batch != recipe.train.batch:
        return f"{told}; its stage {worst.stage} fits with a batch of {batch}"
    parts = _parts(recipe, source, room, worst, recipe.train.batch // batch)
    cut = "" if parts is None else f"game.accumulate={parts} (the same batch, in parts) or "
    return f"{told}; it fits with {cut}train.batch={batch}"


def _parts(recipe: Recipe, source: Source, room: float, whole: Footprint, least: int) -> int | None:
    """Return into how many parts a batch must be cut to fit, None if that does not help enough.

    Args:
        recipe: whose batch it is.
        source: its data.
        room: bytes that are free.
        whole: what the batch takes as it is cut now.
        least: parts of which each would fit alone.
    """
    game, device = recipe.game, device_of(recipe)
    now = int(getattr(game, "accumulate", recipe.train.batch))
    parts, before = now * max(least, 2), math.inf
    while parts <= recipe.train.batch and recipe.train.batch % parts == 0:
        if len(whole.each) * parts // now > OPERATIONS:
            return None
        try:
            changed = type(game).model_validate({**game.model_dump(), "accumulate": parts})
            cut = recipe.model_copy(update={"game": changed})
            taken = needed(footprints(cut, source, device))
        except (UsageError, ValidationError):
            return None
        if taken <= room:
            return parts
        if taken > LESS * before:  # what is left belongs to the whole batch
            return None
        before, parts = taken, 2 * parts
    return None
