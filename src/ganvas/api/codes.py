"""How wide the latents of an autoencoder must be for a data set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import torch

from ganvas.data.choice import at_most
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.source import REFERENCE
from ganvas.errors import UsageError
from ganvas.games.diwgan import DIWGAN
from ganvas.play import Noise, Turns, build
from ganvas.recipes import Recipe

WIDTHS = 2, 4, 8, 16, 32, 48, 64, 128
WORSE = 1.1
"""A width is enough if the next one's error is not smaller by more than this factor."""
JUDGED = 2_048
"""Items that an autoencoder is judged on."""


def wide_enough(errors: Mapping[int, float]) -> int:
    """Return the smallest width whose error is at most 1.1 times that of the next.

    Args:
        errors: mean squared error of reconstructions by width; the widest stands in for all.

    Raises:
        UsageError: there is none.
    """
    order = sorted(errors)
    if not order:
        raise UsageError("no widths were tried; give at least one")
    pairs = itertools.pairwise(order)
    return next((a for a, b in pairs if errors[a] <= WORSE * errors[b]), order[-1])


def widths(
    recipe: Recipe, rounds: int | None = None, say: Callable[[str], None] = lambda text: None
) -> dict[int, float]:
    """Train an autoencoder of each width as the first stage does; return errors on other items.

    Stops at the first width that is enough, or that reaches the number of the data's own values.

    Args:
        recipe: of diwgan.
        rounds: steps of training; None for the recipe's own number.
        say: told each error.

    Raises:
        UsageError: the recipe has no autoencoder.
    """
    if not issubclass(recipe.game_type, DIWGAN):
        raise UsageError(f"{recipe.name} has no autoencoder: name a recipe of diwgan")
    errors: dict[int, float] = {}
    for width in WIDTHS:
        errors[width] = error(recipe, width, rounds)
        say(f"game.code={width}: mean squared error {errors[width]:.4g}")
        before = [known for known in errors if known < width]
        if before and errors[before[-1]] <= WORSE * errors[width]:
            break
    return errors


def error(recipe: Recipe, width: int, rounds: int | None) -> float:
    """Return the mean squared error of one trained autoencoder, in network units.

    On held-out items, on the reference points of a law, or, where there is neither, on training
    items in another order.
    """
    source = open_data(recipe.data)
    config = recipe.game_config.model_copy(update={"code": width})
    game = build(DIWGAN, config, source.spec, recipe.seed).train()
    assert isinstance(game, DIWGAN)
    feed = Feed(source, batch=recipe.train.batch, seed=recipe.seed, streams=game.streams())
    turns = Turns(game.players, Noise(recipe.seed))
    turns.hold()
    for number in range(rounds or game.config.autoencoder_rounds):
        turns.round = number
        game.learn_codes(feed, turns)
    game.eval()
    held_out = next((name for name in ("test", REFERENCE) if name in source.splits), None)
    if held_out is None:
        x = feed.next("validation", JUDGED).x
    else:
        x = source.spec.domain.encode(at_most(source.items(held_out).x, JUDGED))
    with torch.no_grad():
        return float((game.reconstruct(x) - x).square().mean())
