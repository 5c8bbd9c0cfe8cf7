"""Games: the rules of each system, one file per system.

Nothing is registered: system ``wgan-gp`` is the class in ``ganvas/games/wgan_gp.py`` that says so.
What several systems are made of lies in `ganvas.games.parts`.
A game of one's own is ``module:Class``, importable from the current folder. Files may say so, but
only the user's own words (``--game``, or ``game=`` in Python) have it imported: a recipe or run
that somebody else made runs no code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from ganvas.errors import ADDRESS, UsageError, did_you_mean, flag
from ganvas.loading import own_module

if TYPE_CHECKING:
    from ganvas.play import Game


def systems() -> list[str]:
    """Return the names of all systems, in alphabetical order."""
    return [*_systems()]


@cache
def _systems() -> tuple[str, ...]:
    stems = (path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    return tuple(sorted(stem.replace("_", "-") for stem in stems))


def find_game(system: str, own: str | type[Game] | None = None) -> type[Game]:
    """Return the game of a system, given its name in a recipe, a run or a model.

    Args:
        system: a name such as ``wgan-gp``, or the address ``module:Class`` of a game of one's own.
        own: such a game, which the user named: its address or the class itself.

    Raises:
        UsageError: there is no such system, or it is one of one's own and the user did not name it.
    """
    if own is not None:
        if not means(system, own):
            raise UsageError(
                f"the game is {system}, and --game names {address(own)}: leave --game out, or say "
                f"game.system={address(own)}"
            )
        return own_game(own)
    if ADDRESS.fullmatch(system):
        raise UsageError(
            f"{system} is a game of one's own, and a name in a file runs no code: if you trust it, "
            f"add{flag(system)} (in Python: game='{system}')"
        )
    if system not in systems():
        raise UsageError(
            f"there is no system '{system}'.{did_you_mean(system, systems())} Systems are "
            f"{', '.join(systems())}; your own game is named as --game module:Class"
        )
    module = import_module(f"{__name__}.{system.replace('-', '_')}")
    return next(game for game in _games_in(module) if game.system == system)


def own_game(own: str | type[Game]) -> type[Game]:
    """Return a game that stands in the current folder or in an installed package.

    Args:
        own: its address ``module:Class``, which is imported: the user's word, never a file's; a
            class is taken as it is.

    Raises:
        UsageError: there is no such module or class.
    """
    if not isinstance(own, str):
        if not hasattr(cast(object, own), "system"):
            raise UsageError(f"game={own!r}: expected a class of games, or its module:Class")
        return own
    if not ADDRESS.fullmatch(own):
        raise UsageError(f"--game {own}: expected MODULE:CLASS, such as my_game:MyGame")
    name, _, wanted = own.partition(":")
    module = own_module(name, f"--game {own}")
    games = {game.__name__: game for game in _games_in(module)}
    if wanted not in games:
        raise UsageError(
            f"module '{name}' has no game '{wanted}'.{did_you_mean(wanted, games)} "
            "Games are subclasses of ganvas.play.Game with a system name of their own; there: "
            f"{', '.join(games) or 'none'}"
        )
    return games[wanted]


def address(game: str | type[Game]) -> str:
    """Return ``module:Class`` of a game, which recipes and models record."""
    return game if isinstance(game, str) else f"{game.__module__}:{game.__qualname__}"


def means(system: str, own: str | type[Game]) -> bool:
    """Whether the ``system`` of a recipe or model is this game of one's own; imports only ``own``.

    A class may be known by several addresses: of its module, and of a package that shows it.
    """
    game = own_game(own)
    module, _, name = system.partition(":")
    return system in (own, address(game)) or getattr(sys.modules.get(module), name, None) is game


def permitted(system: str, games: Iterable[str | type[Game]]) -> str | type[Game] | None:
    """Return which of several games of one's own a run or model means by its ``system``, if any."""
    one = isinstance(games, str) or not isinstance(cast(object, games), Iterable)
    several = [cast(str, games)] if one else games
    return next((game for game in several if means(system, game)), None)


def is_own(game: type[Game]) -> bool:
    """Whether a game is none of ganvas' own, so that it is loaded only if the user names it."""
    return not game.__module__.startswith(f"{__name__}.")


def _games_in(module: ModuleType) -> list[type[Game]]:
    """Return the games in a module that can be played: those that say which system they are."""
    from ganvas.play import Game

    values: list[object] = list(vars(module).values())
    classes = [value for value in values if isinstance(value, type)]
    games = [cast("type[Game]", kind) for kind in classes if issubclass(kind, Game)]
    return [game for game in games if "system" in vars(game)]
