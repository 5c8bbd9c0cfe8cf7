"""A recipe's arithmetic, settled for the processor that it will be trained on."""

from __future__ import annotations

from ganvas.api.memory import device_of
from ganvas.play import Game, networks_of
from ganvas.processor import processor
from ganvas.recipes import Recipe
from ganvas.recipes.text import read
from ganvas.training.arithmetic import KEYS, settle
from ganvas.training.folder import CONFIG, RunFolder


def settled(recipe: Recipe, game: Game, goes_on: bool = False) -> tuple[Recipe, list[str]]:
    """Return the recipe without ``auto`` in precision and layout, and what there is to say of it.

    Args:
        recipe: of the training.
        game: built from it.
        goes_on: whether this is a run that is resumed.

    Raises:
        UsageError: there is no such device as the recipe asks for.
    """
    kind = processor(device_of(recipe).type)
    settings, notes = settle(recipe.train, networks_of(game), kind, goes_on)
    return recipe.model_copy(update={"train": settings}), notes


def as_begun(recipe: Recipe, run: RunFolder) -> Recipe:
    """Return a recipe with what was chosen for its ``auto`` when a run of it began."""
    train = read(run.path / CONFIG)["train"]
    asked = [key for key in KEYS if getattr(recipe.train, key) == "auto"]
    chosen = {key: train[key] for key in (*asked, "chosen_for") if key in train}
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=chosen)})
