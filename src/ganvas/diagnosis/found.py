"""What the mode-coverage benchmark found, for ranking remedies.

``found.json`` holds mean strict modes of each method under one protocol; ``ganvas bench found``
writes it from the benchmark's results, and a test compares the two.
"""

from __future__ import annotations

import statistics
from functools import cache
from importlib.resources import files

from pydantic import Field

from ganvas.config import Settings

PLAIN = "nsgan"
"""The game without a remedy."""


class Score(Settings):
    """Modes with at least a fifth of their fair share of good samples, mean over seeds."""

    mean: float
    seeds: int = Field(ge=1)


class Table(Settings):
    """All methods on one data set, with the same networks, rates, batch and number of updates."""

    data: str
    preset: str
    modes: int
    strict: dict[str, Score]

    @property
    def kind(self) -> str:
        """Whether the data are points or images."""
        return "points" if self.preset.startswith("toy") else "images"


class Found(Settings):
    """The benchmark's results in brief.

    Attributes:
        lines: of the results that they were made from.
        tier: budget.
        tables: one for each data set and networks.
    """

    lines: int
    tier: str
    tables: list[Table]

    def tables_for(self, kind: str, *methods: str) -> list[Table]:
        """Return the tables that have all these methods, of one kind if there are any."""
        all_of = [t for t in self.tables if set(methods) <= t.strict.keys()]
        return [t for t in all_of if t.kind == kind] or all_of

    def baseline(self, played: str) -> str:
        """Return the method that others are compared with: the one that is played, if known."""
        return played if self.tables_for("", played) else PLAIN

    def gain(self, method: str, kind: str, played: str = PLAIN) -> float | None:
        """Return how much larger a share of the modes a method keeps than another.

        Args:
            method: of the benchmark.
            kind: of the data, "points" or "images".
            played: the other method; the plain game if the benchmark does not know it.

        Returns:
            The mean over data sets; None if they were not compared.
        """
        before = self.baseline(played)
        gains = [
            (table.strict[method].mean - table.strict[before].mean) / table.modes
            for table in self.tables_for(kind, method, before)
        ]
        return statistics.fmean(gains) if gains else None

    def words(self, method: str, kind: str, played: str = PLAIN) -> str:
        """Return the numbers behind a gain: ``8 of 8 modes of ring8 (nsgan: 1)``."""
        before = self.baseline(played)
        return ", ".join(
            f"{table.strict[method].mean:g} of {table.modes} modes of {table.data} "
            f"({before}: {table.strict[before].mean:g})"
            for table in self.tables_for(kind, method, before)
        )


@cache
def found() -> Found:
    """Return the packaged results."""
    text = files("ganvas.diagnosis").joinpath("found.json").read_text("utf-8")
    return Found.model_validate_json(text)
