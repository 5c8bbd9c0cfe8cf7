"""Which layers of a game write their pixels unevenly, and what of its settings evens them out."""

from __future__ import annotations

from itertools import groupby

from ganvas.config import Settings
from ganvas.networks.upsampling import Upsampling
from ganvas.nn.overlap import Uneven, taps, uneven
from ganvas.play import Game

SWITCHES = {True: ("upsample", "nn_resize"), False: ("first_layer", "pool")}
"""Setting and value against layers that enlarge, and against those that make smaller."""


def switch(game: Game, player: str, enlarges: bool) -> str | None:
    """Return the override under which a player's layers leave no pattern, if it has one."""
    setting, value = SWITCHES[enlarges]
    if not hasattr(getattr(game.config, player, None), setting):
        return None
    return f"game.{player}.{setting}={value}"


def uneven_layers(game: Game) -> list[str]:
    """Return a line for each kind of layer of each player whose stride does not divide its kernel.

    Of layers that make smaller only the first counts: nothing comes after what it does to pixels.
    """
    lines: list[str] = []
    for player, part in game.players.items():
        found = [one for network in part.networks for one in uneven(network)]
        grows = [one for one in found if one.enlarges]
        first = [one for one in found if not one.enlarges][:1]
        for (_, enlarges), group in groupby(
            [*grows, *first], key=lambda one: ((one.kernel, one.stride), one.enlarges)
        ):
            lines.append(_line(game, player, list(group), enlarges))
    return lines


def _line(game: Game, player: str, layers: list[Uneven], enlarges: bool) -> str:
    one, remedy = layers[0], switch(game, player, enlarges)
    counts = " and ".join(map(str, taps(one.kernel, one.stride)))
    what = "pixels" if enlarges else "gradients of pixels"
    cure = f"; none with {remedy}" if remedy else ""
    return (
        f"{player}: kernel {one.kernel} is no multiple of stride {one.stride} in "
        f"{', '.join(layer.name for layer in layers)}: {what} are written by {counts} taps in "
        f"turn, a checkerboard{cure}"
    )


def settings_with_upsamplers(config: Settings) -> dict[str, Upsampling]:
    """Return the settings of networks among a game's that have up-samplers, by name."""
    found = {name: getattr(config, name) for name in type(config).model_fields}
    return {name: one for name, one in found.items() if isinstance(one, Upsampling)}
