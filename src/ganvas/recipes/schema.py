"""The shape of a recipe.

Its ``game`` part has the settings of one system, so each system has its own recipe type.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, create_model

from ganvas.config import Settings
from ganvas.data.settings import DataSettings, settings_type
from ganvas.kinds import every_own_kind
from ganvas.play import Game
from ganvas.recipes.text import write
from ganvas.training.settings import TrainSettings


class EvaluateSettings(Settings):
    """How `ganvas evaluate` measures the trained model.

    Attributes:
        samples: how many are drawn from the model.
        seed: of these samples.
        at_end: whether training ends with such a measurement.
    """

    samples: int = Field(default=10_000, ge=2)
    seed: int = Field(default=0, ge=0)
    at_end: bool = True


class Recipe(Settings):
    """A complete, validated configuration; made by `load_recipe`.

    Attributes:
        name: ``system/dataset``, or the file it was read from.
        about: one sentence.
        seed: of initial weights, data order and noise.
        data: what is learnt.
        game: the system and its own settings.
        train: how long and on what.
        evaluate: how the result is measured.
        game_type: the class that knows the system's rules.
    """

    game_type: ClassVar[type[Game]]

    model_config = ConfigDict(title="Recipe")

    name: str = ""
    about: str = ""
    seed: int = Field(default=0, ge=0, lt=2**32)
    data: DataSettings
    game: Settings
    train: TrainSettings
    evaluate: EvaluateSettings = EvaluateSettings()

    @property
    def system(self) -> str:
        """The name of the system that is trained."""
        return str(getattr(self.game, "system", ""))

    @property
    def game_config(self) -> Settings:
        """The system's own settings, as the class `game_type` takes them."""
        return self.game_type.Config.model_validate(self.game.model_dump(exclude={"system"}))

    def tree(self) -> dict[str, Any]:
        """Return the complete recipe as plain values."""
        tree = self.model_dump(mode="json")
        return {**tree, "game": {"system": self.system, **tree["game"]}}

    def to_yaml(self) -> str:
        """Return the complete recipe as YAML that `load_recipe` reads back to an equal one."""
        return write(self.tree())


def recipe_type(system: str, kind: type[Game]) -> type[Recipe]:
    """Return the type of recipes of one system, which is called so in them.

    It knows the settings of all kinds, of data and of other things, that there are by now: a game
    brings its own, and so may whatever is imported later.
    """
    return _recipe_type(system, kind, settings_type(), every_own_kind())


@cache
def _recipe_type(
    system: str, kind: type[Game], data: type[DataSettings], own: frozenset[type]
) -> type[Recipe]:
    """Return it for these settings of data; other kinds of one's ``own`` make it another type."""
    named: Any = (Literal[system], system)  # pyright: ignore[reportInvalidTypeForm]
    config = kind.Config
    game: type[Settings] = create_model(
        config.__name__, __base__=config, __doc__=config.__doc__, system=named
    )
    made = create_model(
        "Recipe", __base__=Recipe, __doc__=Recipe.__doc__, game=(game, ...), data=(data, ...)
    )
    made.game_type = kind
    return made
