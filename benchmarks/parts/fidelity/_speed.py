"""How fast recipes of this line train, by the processor's clock, as others may be training, too."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from common import Row

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.nn import Arithmetic, arrange
from ganvas.play import Game, Noise, Turns, build, networks_of
from ganvas.recipes import Recipe, load_recipe

ROUNDS = 16


def table(recipe: Recipe, source: Source) -> tuple[Game, Feed, Turns]:
    """Return a game as a training would begin to play it, on one thread in single precision."""
    torch.set_num_threads(1)
    game = build(recipe.game_type, recipe.game_config, source.spec, 0).train()
    arrange(networks_of(game), Arithmetic("fp32", True))
    feed = Feed(source, batch=recipe.train.batch, seed=0, streams=game.streams())
    turns = Turns(game.players, Noise(0), accumulate=game.accumulate)
    turns.hold()
    return game, feed, turns


def speed(name: str, work: Path) -> Row:
    """Return how many images a second of one thread a recipe is trained on, over 16 rounds.

    Images of several steps of D in a round count each. Emoji need not be there: what images show
    makes no difference.
    """
    recipe = load_recipe(name)
    if recipe.data.source == "emoji_google":
        data, rng = work / "noise.npz", np.random.default_rng(0)
        images = rng.integers(0, 256, (200, 64, 64, 3), dtype=np.uint8)
        work.mkdir(parents=True, exist_ok=True)
        np.savez(data, images=images, labels=np.arange(200) % 10)
        recipe = load_recipe(name, [], data)
    game, feed, turns = table(recipe, open_data(recipe.data))
    game.round(feed, turns)
    before, start = feed.seen, time.process_time()
    for number in range(ROUNDS):
        turns.round = number
        game.round(feed, turns)
    taken = time.process_time() - start
    return {
        "pixels": game.spec.shape[1],
        "batch": recipe.train.batch,
        "img/s": round((feed.seen - before) / taken, 1),
    }
