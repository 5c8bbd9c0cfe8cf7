"""Points are compared in the user's own units."""

from __future__ import annotations

from typing import ClassVar

from ganvas.data.domain import AnyArray
from ganvas.metrics.kind import Measures


class PointMeasures(Measures):
    """Transport, kernel discrepancy and neighbours of points (N, D)."""

    kind: ClassVar[str] = "points"

    def vectors(self, array: AnyArray) -> AnyArray:
        """Return the points as they are."""
        return array
