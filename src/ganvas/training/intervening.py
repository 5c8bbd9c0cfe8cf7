"""Interventions: what of ``train.interventions`` holds in a round, and whom it may name."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ganvas.errors import UsageError, did_you_mean
from ganvas.training.settings import Intervention


def refuse_unknown(interventions: Sequence[Intervention], players: Collection[str]) -> None:
    """Refuse interventions that name no player of the game.

    Raises:
        UsageError: one does.
    """
    for told in interventions:
        for name in told.players:
            if name not in players:
                raise UsageError(
                    f"train.interventions names '{name}', which is no player of this game."
                    f"{did_you_mean(name, players)} They are: {', '.join(players)}"
                )


def in_force(
    interventions: Sequence[Intervention], players: Collection[str], rounds: int
) -> dict[str, Intervention]:
    """Return what holds for each player after so many rounds: the latest that is about it."""
    begun = sorted((told for told in interventions if told.at <= rounds), key=lambda told: told.at)
    return {name: told for told in begun for name in told.players or players}


def words(told: Intervention) -> str:
    """Return what an intervention does, for the log."""
    who = ", ".join(told.players) or "all players"
    done = [f"rate × {told.rate:g}"] if told.rate != 1 else []
    done += ["frozen"] if told.frozen else []
    done += ["moments reset"] if told.reset else []
    return f"{who}: {', '.join(done) or 'as the recipe has it'}"
