"""Curves of variety against fidelity."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ganvas.metrics.tradeoff import Point
from ganvas.report.charts import Series, line_chart

Number = Callable[[Point], float | None]


def charts(option: str, points: Sequence[Point]) -> list[str]:
    """Return the curves of samples at several values of an option that can be drawn, as SVG.

    The distance against the Inception-type score, and the variance within classes against the share
    of samples that show their class: points that are better in one and worse in the other.
    """
    drawn = [
        _curve(points, "fid by is", "is", lambda p: p.inception, "fid", lambda p: p.frechet),
        _curve(points, "vary by agree", "agree", lambda p: p.agreement, "vary", lambda p: p.within),
        _curve(points, f"fid by {option}", option, lambda p: p.value, "fid", lambda p: p.frechet),
    ]
    return [chart for chart in drawn if chart]


def _curve(
    points: Sequence[Point], title: str, x_label: str, x: Number, y_label: str, y: Number
) -> str:
    places = [(x(point), y(point)) for point in points]
    known = sorted((a, b) for a, b in places if a is not None and b is not None)
    if len(known) < 2:
        return ""
    series = Series(title, [a for a, _ in known], [b for _, b in known])
    return line_chart([series], title=title, x_label=x_label, y_label=y_label)
