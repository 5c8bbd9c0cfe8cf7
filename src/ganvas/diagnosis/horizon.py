"""How far a run has come, read from its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


class Horizon:
    """Reads a log row by row and tells what share of the current stage each row ends.

    Rows say so themselves (``progress``), since stages may have lengths of their own; of others it
    is reckoned from the recipe's horizon.

    Args:
        rounds, kimg: the recipe's horizon; one of them, or neither if it is unknown.
    """

    def __init__(self, rounds: float | None, kimg: float | None) -> None:
        self._rounds, self._kimg = rounds, kimg
        self._begin = self._last = (0.0, 0.0)
        self.stage: str | None = None

    def read(self, row: Row) -> float | None:
        """Return the share of the stage that is over with ``row``, in [0, 1]; None if unknown."""
        here = (float(row.get("round", 0)), float(row.get("kimg", 0)))
        stage = row.get("stage")
        if stage != self.stage:
            self.stage, self._begin = stage, self._last
        self._last = here
        if "progress" in row:
            return min(float(row["progress"]), 1.0)
        if self._rounds:
            return min((here[0] - self._begin[0]) / self._rounds, 1.0)
        return min((here[1] - self._begin[1]) / self._kimg, 1.0) if self._kimg else None

    @property
    def length(self) -> tuple[float, str] | None:
        """The recipe's horizon and its unit, "rounds" or "kimg"; None if it is unknown."""
        if self._rounds:
            return self._rounds, "rounds"
        return (self._kimg, "kimg") if self._kimg else None
