"""When a run has come to rest: the criterion of ``train.stop_on``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from ganvas.errors import did_you_mean
from ganvas.train.settings import StopOn

Row = Mapping[str, Any]


class Rest:
    """Tells from the rows of a log whether a number has stopped getting better.

    The medians of the last ``window`` values are compared, so that single outliers neither end a
    run nor keep it going. Rows of before a resumption count, those that a roll-back undid do not.

    Args:
        settings: the criterion.
        rows: returns the rows of the log before the first that is shown.
    """

    def __init__(self, settings: StopOn, rows: Callable[[], Sequence[Row]]) -> None:
        self._settings = settings
        self._earlier = rows
        self._series: list[tuple[int, float]] | None = None
        self._warned = False

    def reached(self, row: Row) -> bool:
        """Take up a row of the log; say whether ``patience`` rounds passed without a better one."""
        told, now = self._settings, int(row["round"])
        if self._series is None:
            self._series = [one for earlier in self._earlier() for one in self._read(earlier)]
        self._series = [(at, value) for at, value in self._series if at < now]
        self._series += self._read(row)
        best, since = None, 0
        for at, value in self._medians():
            value = value if told.better == "lower" else -value
            if best is None or value < best - told.tolerance * abs(best):
                best, since = value, at
        return best is not None and now - since >= told.patience

    def complaint(self, row: Row) -> str | None:
        """Return, once, that the log does not have the number that is waited for."""
        told = self._settings
        if self._series or self._warned or int(row["round"]) < told.patience:
            return None
        self._warned = True
        return (
            f"train.stop_on waits for {told.number}, of which the log says nothing."
            f"{did_you_mean(told.number, row)}"
        )

    def _read(self, row: Row) -> list[tuple[int, float]]:
        value = row.get(self._settings.number)
        return [] if value is None else [(int(row["round"]), float(value))]

    def _medians(self) -> list[tuple[int, float]]:
        """Return the running medians, each at the round of its last value."""
        held, window = self._series or [], self._settings.window
        return [
            (held[end - 1][0], median(value for _, value in held[end - window : end]))
            for end in range(window, len(held) + 1)
        ]
