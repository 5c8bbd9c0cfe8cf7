"""Which curves share a chart: those whose names share the part before the slash, and a scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganvas.report.charts import Series, line_chart, spans
from ganvas.report.run import Run


@dataclass(frozen=True)
class Group:
    """A family of logged keys: ``prefix`` itself and everything below ``prefix/``.

    Curves whose peaks differ by more than the factor ``scale`` do not share an axis: they would
    flatten one another.
    """

    prefix: str
    title: str
    y_label: str
    scale: float = 25.0


LEADING = (
    Group("loss", "Losses", "loss"),
    Group("coverage", "Coverage", "coverage", scale=4.0),  # counts and shares
    Group("grad_norm", "Gradient norms", "norm"),
    Group("img_per_s", "Speed", "images / s"),
)
UNCHARTED = ("kimg", "time", "progress")  # they only grow: tiles show their last values


def charts(run: Run) -> tuple[list[str], list[str]]:
    """Return the charts everybody looks at first, and the others."""
    prefixes = list(dict.fromkeys(key.partition("/")[0] for key in run.series))
    leading = [chart for group in LEADING for chart in _charts_of(run, group)]
    known = {group.prefix for group in LEADING} | set(UNCHARTED)
    others = [Group(p, p.replace("_", " ").capitalize(), "") for p in prefixes if p not in known]
    return leading, [chart for group in others for chart in _charts_of(run, group)]


def _charts_of(run: Run, group: Group) -> list[str]:
    """Return the group's charts, one per scale."""
    members = [
        Series(key.partition("/")[2] or key, *points)
        for key, points in run.series.items()
        if key.partition("/")[0] == group.prefix
    ]
    drawn: list[str] = []
    for series in by_scale(members, group.scale):
        names = ", ".join(s.name for s in series)
        alone = len(series) == 1 and series[0].name != group.prefix
        drawn.append(
            line_chart(
                series,
                title=f"{group.title}: {names}" if alone else group.title,
                x_label="round",
                y_label=group.y_label or (names if len(series) == 1 else ""),
                log=spans(series),
            )
        )
    return [chart for chart in drawn if chart]


def by_scale(series: list[Series], scale: float) -> list[list[Series]]:
    """Split curves into sets that can share an axis, in the order of the first of each set.

    Curves that fit one logarithmic axis stay together. Otherwise a curve joins the first set whose
    greatest peak is within the factor ``scale`` of its own; all-zero curves join any.
    """
    if spans(series):
        return [series]
    sets: list[tuple[float, list[Series]]] = []
    for one in series:
        peak = max((abs(v) for v in one.y if math.isfinite(v)), default=0.0)
        for i, (other, members) in enumerate(sets):
            low, high = sorted((peak, other))
            if low == 0 or high <= scale * low:
                members.append(one)
                sets[i] = (high, members)
                break
        else:
            sets.append((peak, [one]))
    return [members for _, members in sets]
