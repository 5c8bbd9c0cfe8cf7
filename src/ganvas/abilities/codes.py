"""``ganvas codes``: how wide the codes of a game's own autoencoder must be for a data set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Annotated

import torch
import typer

from ganvas.cli.options import Game, Settings
from ganvas.cli.speech import say
from ganvas.data.choice import at_most
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.source import REFERENCE
from ganvas.errors import UsageError
from ganvas.play import Noise, Turns, build, has
from ganvas.play.abilities import CanLearnCodes
from ganvas.recipes import Recipe, load_recipe

WIDTHS = 2, 4, 8, 16, 32, 48, 64, 128
WORSE = 1.1
"""A width is enough if the next one's error is not smaller by more than this factor."""
JUDGED = 2_048
"""Items that an autoencoder is judged on."""


def codes(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe of diwgan.")],
    settings: Settings = None,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Data of your own, or a name.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Of each autoencoder; the recipe's own without.", min=1)
    ] = None,
    game: Game = None,
) -> None:
    """Train autoencoders of growing width, and say which is wide enough for the data.

    Example: ganvas codes diwgan/images --data photos --rounds 1000
    """
    errors = widths(load_recipe(recipe, settings or [], data, game), rounds, say=say)
    say(f"wide enough: game.code={wide_enough(errors)}")


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
        recipe: of a game that trains an autoencoder first.
        rounds: steps of training; None for the recipe's own number.
        say: told each error.

    Raises:
        UsageError: the recipe has no autoencoder.
    """
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
    game = build(recipe.game_type, config, source.spec, recipe.seed).train()
    first = game.stages()[0]
    if not has(game, CanLearnCodes) or first.rounds is None:
        raise UsageError(f"{recipe.name} has no autoencoder: name a recipe of diwgan")
    feed = Feed(source, batch=recipe.train.batch, seed=recipe.seed, streams=game.streams())
    turns = Turns(game.players, Noise(recipe.seed))
    turns.hold()
    for number in range(rounds or first.rounds):
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
