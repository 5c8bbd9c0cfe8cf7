"""Turns: the updates inside a round.

In a turn the named players are free and all others frozen; losses are added up; the players step
once, together, on leaving. The table `Turns` is what a game's ``round`` receives as ``turn``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.errors import GanvasError, UsageError, did_you_mean
from ganvas.play.lookahead import Lookahead, LossOf, Projection
from ganvas.play.noise import Noise
from ganvas.play.player import Player
from ganvas.play.ranks import Ranks

Statistic = Tensor | float
Part = TypeVar("Part")


class Loss(NamedTuple):
    """What a player minimises, with what else there is to say of it.

    Attributes:
        value: a 0-d tensor.
        statistics: for the log.
        lazily: gives a further loss and its statistics, in the player's lazy rounds only; it is
            asked after the step, and minimised k-fold in a step of its own.
        skip: cancel the step.
    """

    value: Tensor
    statistics: Mapping[str, Statistic] = MappingProxyType({})
    lazily: Callable[[], tuple[Tensor, Mapping[str, Statistic]]] | None = None
    skip: Tensor | bool = False


class Seat:
    """One player in one turn."""

    def __init__(self, name: str, player: Player, turn: Turn) -> None:
        self.name = name
        self.player = player
        self._turn = turn
        self.veto: Tensor | None = None
        self.lazily: list[Callable[[], tuple[Tensor, Mapping[str, Statistic]]]] = []

    def minimise(
        self,
        loss: Tensor | Loss,
        *,
        name: str = "loss",
        retain: bool = False,
        **statistics: Statistic,
    ) -> None:
        """Add the gradient of ``loss``, a 0-d tensor, to this player's own and to no other's.

        ``retain`` keeps the graph for a further call on tensors that share it. ``statistics`` are
        logged under their names, ``loss`` under ``loss/PLAYER``, or ``name``/PLAYER.
        """
        if isinstance(loss, Loss):
            if loss.skip is not False:
                self.skip(loss.skip)
            if loss.lazily is not None:
                self.lazily.append(loss.lazily)
            loss, statistics = loss.value, {**loss.statistics, **statistics}
        (loss * self._turn.weight if self._turn.weight != 1 else loss).backward(
            retain_graph=retain, inputs=self.player.parameters
        )
        self._turn.table.log(**{f"{name}/{self.name}": loss}, **statistics)

    def skip(self, when: Tensor | bool = True) -> None:
        """Cancel this player's step if ``when``: a gate that costs no synchronisation."""
        flag = torch.as_tensor(when, dtype=torch.bool)
        self.veto = flag if self.veto is None else self.veto | flag


class Turn:
    """One update of the named players; a context manager made by `Turns`."""

    def __init__(self, table: Turns, names: tuple[str, ...], weight: float, tracks: set[str]):
        self.table = table
        self.seats = [Seat(name, table.players[name], self) for name in names]
        self.weight = weight
        self.parts = 1
        self.tracks = tracks
        self.shared = len(names) > 1
        self.lazy = False

    def minimise(
        self,
        loss: Tensor | Loss,
        *,
        name: str = "loss",
        retain: bool = False,
        **statistics: Statistic,
    ) -> None:
        """Add the gradient of ``loss`` to all named players' own (see `Seat.minimise`)."""
        if not self.shared:
            self.seats[0].minimise(loss, name=name, retain=retain, **statistics)
            return
        if isinstance(loss, Loss):
            loss, statistics = loss.value, {**loss.statistics, **statistics}
        (loss * self.weight).backward(retain_graph=retain)
        self.table.log(**{f"{name}/{'+'.join(s.name for s in self.seats)}": loss}, **statistics)

    def skip(self, when: Tensor | bool = True) -> None:
        """Cancel the step of all named players if ``when``."""
        for seat in self.seats:
            seat.skip(when)

    def __iter__(self) -> Iterator[Seat]:
        """Give the named players one by one: ``with turn("g", "d") as (g, d)``."""
        return iter(self.seats)

    def __enter__(self) -> Turn:
        self.table.open(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.table.close(self, step=kind is None)


class Turns:
    """The table at which a round is played: turns, randomness, progress and statistics.

    Args:
        players: the game's players by name.
        noise: the stream of this run's random draws.
        ranks: this process among those that train together.
        accumulate: parts into which a round that is a sum over items may cut its batches.

    Attributes:
        round: rounds played so far in the current stage.
        progress: share of the stage's horizon already played, in [0, 1]; drives every schedule.
        rate: factor on all learning rates; halved by each roll-back.
        rates: further factors, by player.
        resting: players whose turns are played without a step.
        steps: optimiser steps begun so far, by player.
        latest: numbers of the round's last step (`note`), which the log has not taken in yet.
        cosines: log the cosine between each step and the descent direction, ``cosine/PLAYER``.
    """

    def __init__(
        self,
        players: dict[str, Player],
        noise: Noise,
        ranks: Ranks | None = None,
        accumulate: int = 1,
    ):
        self.players = players
        self.accumulate = accumulate
        self.noise = noise
        for player in players.values():
            player.draw_from(noise)
        self.ranks = ranks or Ranks()
        self.round = 0
        self.progress = 0.0
        self.rate = 1.0
        self.rates: Mapping[str, float] = {}
        self.resting: frozenset[str] = frozenset()
        self.steps = dict.fromkeys(players, 0)
        self.cosines = False
        self.statistics: dict[str, list[Tensor]] = {}
        self.cancelled = torch.zeros((), device=noise.device)
        self.latest: dict[str, Statistic] = {}
        self._latest_in = 0
        self._now: Turn | None = None
        self._free: set[str] | None = None

    def __call__(self, *names: str, lazy: int = 0, tracks: tuple[str, ...] = ()) -> Turn:
        """Begin a turn of the named players.

        Args:
            names: who is free, steps, and whose buffers follow the data seen in this turn.
            lazy: k if this turn is played every k-th round only (see `due`): losses count k-fold.
            tracks: further players whose buffers follow the data seen in this turn.
        """
        for name in (*names, *tracks):
            self._known(name, "turn(…) names")
        for name in names:
            if lazy and self.players[name].lazy != lazy:
                raise GanvasError(
                    f"turn('{name}', lazy={lazy}) needs Player(…, lazy={lazy}), which corrects "
                    f"its optimiser; it has lazy={self.players[name].lazy}."
                )
        return Turn(self, names, float(lazy or 1), {*names, *tracks})

    def _known(self, name: str, says: str) -> Player:
        """Return a player that somebody names.

        Raises:
            GanvasError: there is none.
        """
        if name not in self.players:
            raise GanvasError(
                f"{says} '{name}', which is no player of this game; the players are "
                f"{', '.join(self.players)}.{did_you_mean(name, self.players)}"
            )
        return self.players[name]

    def parts(self, *batches: Batch) -> Iterator[tuple[Batch, ...]]:
        """Give batches of a turn part by part, so that a large one needs no more memory.

        The gradients of the parts add up to that of the whole: each counts for its share, and
        draws of `noise` and of layers are its share of theirs.

        Raises:
            UsageError: a batch cannot be shared out evenly.
        """
        count = self.accumulate
        for batch in batches:
            if len(batch) % count:
                raise UsageError(
                    f"game.accumulate={count} does not divide the {len(batch)} samples that each "
                    "process gets; choose a divisor of train.batch"
                )
        if self._now is not None:
            self._now.weight /= count
            self._now.parts = count
        return self._in_parts(count, list(zip(*(b.chunk(count) for b in batches), strict=True)))

    def _in_parts(self, count: int, parts: Sequence[Part]) -> Iterator[Part]:
        """Give ``count`` equal shares of a sequence one by one, each with its draws."""
        share = len(parts) // count
        for part in self.noise.in_parts(count):
            yield from parts[part * share : (part + 1) * share]

    def due(self, every: int) -> bool:
        """Whether something played every ``every`` rounds falls into this one."""
        return self.round % every == 0

    def log(self, **statistics: Statistic) -> None:
        """Note named numbers; the log shows their mean over the rounds since the last row."""
        for name, value in statistics.items():
            value = value.detach() if isinstance(value, Tensor) else torch.tensor(float(value))
            self.statistics.setdefault(name, []).append(value)

    def note(self, **statistics: Statistic) -> None:
        """Note numbers of which the last of each round counts, such as those of its last step."""
        if self._latest_in != self.round:
            self._keep_notes()
        self._latest_in = self.round
        self.latest |= statistics

    def _keep_notes(self) -> None:
        notes, self.latest = self.latest, {}
        self.log(**notes)

    def lookahead(
        self,
        name: str,
        loss: LossOf,
        steps: int,
        second_order: bool = True,
        onto: Projection | None = None,
    ) -> Callable[..., Any]:
        """Return player ``name``'s network as it would be after ``steps`` more steps on ``loss``.

        ``onto`` maps the vector of all its parameters to where the game puts it after a step. See
        `ganvas.play.lookahead.Lookahead`. The live network stays as it is.
        """
        player = self.players[name]
        ahead = Lookahead(player, self.progress, self._rate_of(name), second_order, onto)
        for _ in range(steps):
            ahead.step(loss)
        return ahead.network

    def begin_stage(self, restarts: Sequence[str] = ()) -> None:
        """Count rounds from 0, and let the optimisers of some players begin anew."""
        self._keep_notes()
        self.round, self.progress = 0, 0.0
        for name in restarts:
            self._known(name, "a stage restarts").restart()

    def open(self, turn: Turn) -> None:
        """Free the turn's players, freeze the others, forget old gradients."""
        if self._now is not None:
            raise GanvasError("a turn began inside another one; leave the first before")
        self._now = turn
        self._set_free({seat.name for seat in turn.seats})
        for seat in turn.seats:
            seat.player.clear()
        for name in turn.tracks:
            self.players[name].track(True)

    def close(self, turn: Turn, step: bool) -> None:
        """Step the turn's players together, unless it was left by an error.

        Then the lazy losses have a step of their own where they are due, and the players' weights
        are brought back to where they may be.
        """
        if step and not turn.lazy:
            self._add_terms(turn)
        self._now = None
        for name in turn.tracks:
            self.players[name].track(False)
        if not step:
            return
        self._step(turn)
        if turn.lazy:
            return
        for seat in turn.seats:
            if seat.lazily and self.due(seat.player.lazy):
                with self(seat.name, lazy=seat.player.lazy) as again:
                    again.lazy, again.weight = True, again.weight / turn.parts
                    for further in self._in_parts(turn.parts, seat.lazily):
                        loss, statistics = further()
                        again.minimise(loss, name="penalty")
                        self.note(**statistics)
        for seat in turn.seats:
            for follow in seat.player.afterwards:
                follow(self)

    def _add_terms(self, turn: Turn) -> None:
        """Add what the players' own terms cost, once for the whole turn."""
        for seat in turn.seats:
            for name, term in seat.player.terms.items():
                cost = term(seat.player.parameters, self.progress)
                seat.minimise(cost / turn.weight, name=name)

    def _step(self, turn: Turn) -> None:
        for seat in turn.seats:
            player = seat.player
            if seat.name in self.resting:
                player.clear()
                continue
            before = [p.detach().clone() for p in player.parameters] if self.cosines else None
            norm, lost = player.step(self.progress, self._rate_of(seat.name), self.ranks, seat.veto)
            if before is not None:
                with torch.no_grad():
                    self.log(**{f"cosine/{seat.name}": player.cosine(before)})
            self.steps[seat.name] += 1
            if lost is not False:
                self.cancelled += lost
            self.log(**{f"grad_norm/{seat.name}": norm})
            player.clear()

    def _rate_of(self, name: str) -> float:
        return self.rate * self.rates.get(name, 1.0)

    def hold(self) -> None:
        """Freeze every player and its buffers: the state between turns."""
        self._set_free(set())
        for player in self.players.values():
            player.track(False)

    def _set_free(self, names: set[str]) -> None:
        if names == self._free:
            return
        for name, player in self.players.items():
            player.free(name in names)
        self._free = names

    def take_statistics(self) -> dict[str, float]:
        """Return the means of all numbers noted since the last call (synchronises)."""
        self._keep_notes()
        means = {name: _stack(values).float().mean() for name, values in self.statistics.items()}
        self.statistics = {}
        return {name: float(mean) for name, mean in means.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return everything about the table that a resumed run needs."""
        self._keep_notes()
        return {
            "noise": self.noise.state_dict(),
            "round": self.round,
            "rate": self.rate,
            "steps": dict(self.steps),
            "cancelled": self.cancelled,
            "statistics": {k: _stack(v) for k, v in self.statistics.items()},
            "optimisers": {k: p.optimiser.state_dict() for k, p in self.players.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave."""
        self.noise.load_state_dict(state["noise"])
        self.round, self.rate, self.steps = state["round"], state["rate"], dict(state["steps"])
        self.cancelled = state["cancelled"].to(self.noise.device)
        self.statistics = {k: list(v.unbind()) for k, v in state["statistics"].items()}
        for name, player in self.players.items():
            player.take_up(state["optimisers"][name])


def _stack(values: list[Tensor]) -> Tensor:
    """Stack noted numbers, some of which may come from a checkpoint, and so from the host."""
    return torch.stack([value.to(values[-1].device) for value in values])
