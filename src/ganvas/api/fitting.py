"""Settings that a system fits to the size of its data and of a batch, before it is built."""

from __future__ import annotations

from ganvas.data.spec import DataSpec
from ganvas.recipes import Recipe
from ganvas.training.settings import Average


def fitted(recipe: Recipe, spec: DataSpec) -> tuple[Recipe, list[str]]:
    """Return the recipe with what its system fits to data and batch, and why, a line each.

    That is what a run writes down: nothing is left to fit where it is resumed.
    """
    fit = recipe.game_type.fitted(recipe.game_config, spec, recipe.train.batch)
    train = recipe.train
    if fit.half_life is not None and train.average is not None:
        average = Average(half_life=fit.half_life, ramp_up=train.average.ramp_up)
        train = train.model_copy(update={"average": average})
    game = recipe.game.model_copy(update=dict(fit.changes))
    return recipe.model_copy(update={"game": game, "train": train}), list(fit.notes)
