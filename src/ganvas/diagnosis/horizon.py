"""How far a run has come, read from its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


class Horizon:
    """Reads a log row by row and tells what share of the current stage each row ends.

    Args:
        rounds, kimg: the recipe's horizon; one of them, or neither if it is unknown.
        lengths: rounds of the stages that have a length of their own, by name.
    """

    def __init__(
        self, rounds: float | None, kimg: float | None, lengths: Mapping[str, int] | None = None
    ) -> None:
        self._rounds, self._kimg, self._lengths = rounds, kimg, lengths or {}
        self._begin = self._last = (0.0, 0.0)
        self.stage: str | None = None

    def read(self, row: Row) -> float | None:
        """Return the share of the stage that is over with ``row``, in [0, 1]; None if unknown."""
        here = (float(row.get("round", 0)), float(row.get("kimg", 0)))
        stage = row.get("stage")
        if stage != self.stage:
            self.stage, self._begin = stage, self._last
        self._last = here
        rounds = self._lengths.get(stage, self._rounds) if stage else self._rounds
        if rounds:
            return min((here[0] - self._begin[0]) / rounds, 1.0)
        return min((here[1] - self._begin[1]) / self._kimg, 1.0) if self._kimg else None

    def length(self, row: Row) -> tuple[float, str] | None:
        """Return the length of the row's stage and its unit, "rounds" or "kimg"."""
        rounds = self._lengths.get(str(row.get("stage")), self._rounds)
        if rounds:
            return rounds, "rounds"
        return (self._kimg, "kimg") if self._kimg else None
