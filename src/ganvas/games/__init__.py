"""Games: the rules of each system, one file per system.

Nothing is registered: system ``wgan-gp`` is the class in ``ganvas/games/wgan_gp.py`` that says so,
and a game of one's own is ``module:Class``, importable from the current folder.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ganvas.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from ganvas.play import Game

PARTS = frozenset(
    {
        "__init__",
        "adversarial",
        "augmentation",
        "constraints",
        "density",
        "held_out",
        "joint",
        "latents",
        "likelihoods",
        "matching",
        "objectives",
        "penalties",
        "priors",
        "remembering",
        "remedies",
        "representatives",
    }
)
"""Files here that are no systems, but what systems are made of."""


def systems() -> list[str]:
    """Return the names of all systems, in alphabetical order."""
    stems = {path.stem for path in Path(__file__).parent.glob("*.py")} - PARTS
    return sorted(stem.replace("_", "-") for stem in stems)


def find_game(system: str) -> type[Game]:
    """Return the game of a system: a name such as ``wgan-gp``, or ``module:Class``.

    Raises:
        UsageError: there is no such system, module or class.
    """
    if ":" in system:
        return _own_game(system)
    if system not in systems():
        raise UsageError(
            f"there is no system '{system}'.{did_you_mean(system, systems())} Systems are "
            f"{', '.join(systems())}; your own game is named as module:Class"
        )
    module = import_module(f"{__name__}.{system.replace('-', '_')}")
    return next(game for game in _games_in(module) if game.system == system)


def _own_game(system: str) -> type[Game]:
    """Import a game that stands in the current folder or in an installed package."""
    name, _, wanted = system.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0] and error.name != name:
            raise  # the module is there, and something that it imports is not
        raise UsageError(
            f"cannot import '{name}' for system '{system}': there is no such package, and no "
            f"{name.replace('.', '/')}.py in {here}"
        ) from None
    games = {game.__name__: game for game in _games_in(module)}
    if wanted not in games:
        raise UsageError(
            f"module '{name}' has no game '{wanted}'.{did_you_mean(wanted, games)} "
            "Games are subclasses of ganvas.play.Game with a system name of their own; there: "
            f"{', '.join(games) or 'none'}"
        )
    return games[wanted]


def _games_in(module: ModuleType) -> list[type[Game]]:
    """Return the games in a module that can be played: those that say which system they are."""
    from ganvas.play import Game

    values: list[object] = list(vars(module).values())
    games = [value for value in values if isinstance(value, type) and issubclass(value, Game)]
    return [game for game in games if "system" in vars(game)]
