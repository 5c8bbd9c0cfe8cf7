"""Points are compared in the units in which they are trained on, so that every column counts."""

from __future__ import annotations

from typing import ClassVar

from ganvas.metrics.kind import Measures


class PointMeasures(Measures):
    """Transport, kernel discrepancy and neighbours of points (N, D)."""

    kind: ClassVar[str] = "points"
