"""A run that has come to rest ends by itself, and not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganvas.data.feed import Feed
from ganvas.play import Turns
from ganvas.training.settings import StopOn
from ganvas.training.stopping import Plateau
from tests.contract.games.unrolled import Unrolled
from tests.training.test_loop import events, made

NAME = "estimate/wasserstein"


def rows(*values: float) -> list[dict[str, Any]]:
    return [{"round": 10 * (i + 1), NAME: value} for i, value in enumerate(values)]


def ends_at(told: StopOn, log: list[dict[str, Any]], earlier: int = 0) -> int | None:
    """Return the round at which the rows after the ``earlier`` ones end a run."""
    rest = Plateau(told, lambda: log[:earlier])
    return next((row["round"] for row in log[earlier:] if rest.reached(row)), None)


def test_patience_runs_from_the_last_better_value() -> None:
    told = StopOn(window=1, patience=30, tolerance=0.1)
    assert ends_at(told, rows(9, 5, 3, 3, 3, 3, 3)) == 60
    assert ends_at(told, rows(9, 5, 3, 3, 3, 2, 2, 2, 2)) == 90
    assert ends_at(told, rows(9, 8, 7, 6, 5, 4, 3, 2)) is None
    assert ends_at(told, rows(100, 99, 98, 97, 96)) == 40  # each better by less than a tenth


def test_outliers_neither_end_a_run_nor_keep_it_going() -> None:
    told = StopOn(window=3, patience=40, tolerance=0.1)
    assert ends_at(told, rows(9, 9, 9, 1, 9, 9, 9, 9)) == 70
    assert ends_at(StopOn(window=1, patience=40), rows(9, 9, 9, 1, 9, 9, 9, 9)) == 80


def test_higher_can_be_better_and_negative_numbers_are_compared_by_size() -> None:
    told = StopOn(better="higher", window=1, patience=20)
    assert ends_at(told, rows(1, 2, 3, 3, 3)) == 50
    assert ends_at(StopOn(window=1, patience=20, tolerance=0.5), rows(-1, -2, -4, -5, -5)) == 50


def test_a_resumed_run_remembers_and_a_roll_back_forgets() -> None:
    told = StopOn(window=1, patience=30)
    log = rows(9, 5, 3, 3, 3, 3, 3)
    assert ends_at(told, log, earlier=4) == ends_at(told, log) == 60
    rest = Plateau(told, list)
    assert not any(rest.reached(row) for row in log[:5])
    assert not rest.reached({"round": 30, NAME: 2.0})  # rounds 30 to 50 are played again
    assert not rest.reached({"round": 50, NAME: 2.0})
    assert rest.reached({"round": 60, NAME: 2.0})


def test_a_number_that_never_comes_is_named_once() -> None:
    rest = Plateau(StopOn(number="estimate/waserstein", patience=20), list)
    log = rows(1, 2, 3)
    told = [rest.complaint(row) for row in log if not rest.reached(row)]
    assert told[0] is None
    assert told[1] is not None
    assert "Did you mean 'estimate/wasserstein'" in told[1]
    assert told[2] is None


class Resting(Unrolled):
    """Logs a number that falls for four rounds."""

    system = "resting-tiny"

    def round(self, data: Feed, turn: Turns) -> None:
        super().round(data, turn)
        turn.log(**{"coverage/gap": max(5.0 - turn.round, 1.0)})


@pytest.mark.parametrize("stop", [True, False])
def test_a_run_ends_where_it_came_to_rest(run_folder: Path, stop: bool) -> None:
    told = {"number": "coverage/gap", "window": 1, "patience": 3} if stop else None
    loop = made(run_folder, Resting, log_every=1, stop_on=told)
    assert loop.run() == ("converged" if stop else "finished")
    assert loop.rounds == (8 if stop else 12)
    assert [path.stem for path in loop.folder.list_checkpoints()][-1] == f"{loop.rounds:09d}"
    assert events(loop.folder, "warning") == []
