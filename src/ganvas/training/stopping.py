"""When a run has come to rest: the criterion of ``train.stop_on``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from ganvas.errors import did_you_mean
from ganvas.training.settings import StopOn

Row = Mapping[str, Any]


class _Mark(NamedTuple):
    """A value of the log, the best median so far, and the round that it dates from."""

    round: int
    value: float
    best: float | None
    since: int


class Plateau:
    """Tells from the rows of a log whether a number has stopped getting better.

    The medians of the last ``window`` values are compared, so that single outliers neither end a
    run nor keep it going. Rows of before a resumption count, those that a roll-back undid do not.

    Args:
        settings: the criterion.
        rows: returns the rows of the log before the first that is shown.
    """

    def __init__(self, settings: StopOn, rows: Callable[[], Sequence[Row]]) -> None:
        self._settings = settings
        self._earlier: Callable[[], Sequence[Row]] | None = rows
        self._marks: list[_Mark] = []
        self._warned = False

    def reached(self, row: Row) -> bool:
        """Take up a row of the log; say whether ``patience`` rounds passed without a better one."""
        if self._earlier is not None:
            earlier, self._earlier = self._earlier(), None
            for one in earlier:
                self._take(one)
        self._take(row)
        last = self._marks[-1] if self._marks else None
        if last is None or last.best is None:
            return False
        return int(row["round"]) - last.since >= self._settings.patience

    def complaint(self, row: Row) -> str | None:
        """Return, once, that the log does not have the number that is waited for."""
        told = self._settings
        if self._marks or self._warned or int(row["round"]) < told.patience:
            return None
        self._warned = True
        return (
            f"train.stop_on waits for {told.number}, of which the log says nothing."
            f"{did_you_mean(told.number, row)}"
        )

    def _take(self, row: Row) -> None:
        told = self._settings
        if told.number not in row:
            return
        now, value = int(row["round"]), float(row[told.number])
        while self._marks and self._marks[-1].round >= now:  # played again after a roll-back
            self._marks.pop()
        _, _, best, since = self._marks[-1] if self._marks else (0, 0.0, None, 0)
        before = max(len(self._marks) + 1 - told.window, 0)
        held = [*(mark.value for mark in self._marks[before:]), value]
        if len(held) == told.window:
            middle = median(held) if told.better == "lower" else -median(held)
            if best is None or middle < best - told.tolerance * abs(best):
                best, since = middle, now
        self._marks.append(_Mark(now, value, best, since))
