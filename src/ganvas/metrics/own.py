"""Measures that belong to one system, which its game takes of itself."""

from __future__ import annotations

from typing import Protocol as Interface

from ganvas.data.source import Source
from ganvas.metrics.protocol import Score


class MeasuresItself(Interface):
    """A game with measures of its own, such as a likelihood or the accuracy of its classifier."""

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        """Return scores of a trained model on data, by name."""
        ...
