"""What parts of the video line share: rounds played for so much time, and what samples score."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.metrics.of import measures_of
from ganvas.model import Model, Provenance
from ganvas.networks.conditions import Given
from ganvas.play import Game, Noise, Turns, build
from ganvas.play.abilities import CanSample, has
from ganvas.recipes import load_recipe
from ganvas.training.average import MovingAverage

Clips = NDArray[np.uint8]


def opened(recipe: str, words: list[str]) -> tuple[Game, Source, Any]:
    """Return a recipe's game with its data, and the recipe."""
    loaded = load_recipe(recipe, words)
    source = open_data(loaded.data)
    game = build(loaded.game_type, loaded.game_config, source.spec, loaded.seed)
    return game, source, loaded


def played(
    recipe: str, words: list[str], *, seconds: float = 0.0, rounds: int = 0
) -> tuple[Game, Source, int, float]:
    """Return a game after so many rounds, or so many seconds of a core, with rounds and seconds.

    Schedules go by the share of whichever of both is given. Stages after the first are played
    whole. Where the recipe averages weights these are the averages.
    """
    game, source, loaded = opened(recipe, words)
    feed = Feed(source, batch=loaded.train.batch, seed=loaded.seed, streams=game.streams())
    turns = Turns(game.players, Noise(loaded.seed), accumulate=game.accumulate)
    turns.hold()
    game.train()
    average = MovingAverage.of(game, loaded.train.average)
    first, *others = game.stages()
    first.begin(game, feed, turns)
    start, number = time.process_time(), 0
    while True:
        spent = time.process_time() - start
        share = number / rounds if rounds else spent / seconds
        if share >= 1:
            break
        turns.round, turns.progress = number, share
        seen = feed.seen
        first.play(feed, turns)
        average.update(feed.seen - seen, feed.seen, share)
        number += 1
        if number % 50 == 0:  # small numbers kept between large tensors would tear the heap apart
            turns.take_statistics()
    taken = time.process_time() - start
    for stage in others:
        stage.begin(game, feed, turns)
        for later in range(stage.rounds or 0):
            turns.round, turns.progress = later, later / (stage.rounds or 1)
            stage.play(feed, turns)
    if average.values:  # the copy keeps them when the block gives the last iterate back
        with average.applied():
            game = copy.deepcopy(game)
    return game.eval(), source, number, taken


def model_of(game: Game) -> Model:
    """Return a game as a model."""
    return Model(game, Provenance(), device="cpu")


@torch.no_grad()
def drawn(game: Game, n: int, y: Given = None, batch: int = 64, **options: Any) -> torch.Tensor:
    """Return samples in network units."""
    assert has(game, CanSample)
    z = game.prior(n, Noise(99), **options)
    parts = [game.sample(z[k : k + batch], y) for k in range(0, n, batch)]
    return torch.cat(parts)


def scored(source: Source, clips: Clips, names: tuple[str, ...]) -> dict[str, float]:
    """Return scores of clips in data units whose names begin so, and their floors."""
    found = measures_of(source).scores(clips, None, 0)
    row: dict[str, float] = {}
    for name, score in found.items():
        if name.startswith(names):
            row[name] = float(f"{score.value:.4g}")
            if score.floor is not None:
                row[f"{name} floor"] = float(f"{score.floor:.4g}")
    return row


def sheet(path: Path, *rows: Clips, scale: int = 4) -> None:
    """Write every second frame of clips (N, T, H, W, C) side by side, a clip in each row.

    Clips of further rows (as many, of as many frames) lie below those of the first, pair by pair.
    """
    image = np.concatenate([row[:, ::2] for row in rows], 2)  # (N, frames, rows · H, W, C)
    n, frames, height, width, channels = image.shape
    image = image.transpose(0, 2, 1, 3, 4).reshape(n * height, frames * width, channels)
    if channels == 1:
        image = image.repeat(3, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    large = (scale * frames * width, scale * n * height)
    Image.fromarray(image).resize(large, Image.Resampling.NEAREST).save(path)
