"""What a run and a model keep of networks that nobody trains: a hash of each."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ganvas.errors import GanvasError
from ganvas.nn import frozen_in
from ganvas.play.player import Player


def digests(game: nn.Module) -> dict[str, str]:
    """Return the hashes of a game's frozen networks by their names; they are found for it."""
    return {name: frozen.digest for name, frozen in frozen_in(game).items()}


def expect(game: nn.Module, kept: Mapping[str, str], what: str) -> None:
    """Let a game use no frozen networks but those of a run or model.

    Args:
        game: which has found its networks, or will.
        kept: their hashes by name, as the run or model has them.
        what: how the run or model is called.

    Raises:
        GanvasError: it has others.
    """
    here = frozen_in(game)
    for name in sorted(kept.keys() ^ here.keys()):
        has, has_not = (what, "this game") if name in kept else ("this game", what)
        raise GanvasError(f"{has} has the frozen network '{name}', and {has_not} has none such")
    for name, frozen in here.items():
        frozen.expect(
            kept[name],
            f"{what} was trained with other weights of the frozen network '{name}' than are found "
            "here: bring back those that it had",
        )


def refuse_trained(game: nn.Module, players: Mapping[str, Player]) -> None:
    """Refuse a game of which a player would train a frozen network.

    Raises:
        GanvasError: one would.
    """
    for name, frozen in frozen_in(game).items():
        parameters = frozen.network.parameters() if frozen.is_found else ()
        weights = {id(parameter) for parameter in parameters}
        for player, of in players.items():
            if any(id(parameter) in weights for parameter in of.parameters):
                raise GanvasError(
                    f"the player '{player}' has weights of '{name}', which is Frozen: leave its "
                    "network out of the player, or do not freeze it"
                )
