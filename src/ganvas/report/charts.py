"""Line and bar charts for pages, which tell their values when they are hovered over.

A page's stylesheet colours them, for light and dark. Values are shown through SVG's own
``<title>``, so that no script is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import fmean, median

from ganvas.report import svg
from ganvas.report.axes import Axis, number, range_of
from ganvas.report.marks import Line, Plane
from ganvas.report.svg import COLOURS, INK

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 30, 42  # margins for ticks and labels
COLUMNS = 160  # a line has at most two points per column, plus its ends
TREND = 48  # points of the trend that is drawn over a noisy line
BANDS = 48  # hover areas across a chart
LABELS = 12  # of bars that fit side by side


@dataclass(frozen=True)
class Series:
    """One named line; ``x`` ascends, and a non-finite ``y`` is a gap."""

    name: str
    x: Sequence[float]
    y: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(
                f"series {self.name!r}: {len(self.x)} x values, {len(self.y)} y values"
            )


def envelope(
    x: Sequence[float], y: Sequence[float], columns: int = COLUMNS
) -> list[tuple[float, float]]:
    """Thin a long line to what can be seen, keeping every column's lowest and highest point.

    The range of x is cut into ``columns`` equal parts; of each part the two extremes stay, in
    their order, as do the first and the last point of the line. A gap (non-finite y) stays a gap.
    Short lines (at most ``2 * columns`` points) come back whole.
    """
    if len(x) <= 2 * columns:
        return list(zip(x, y, strict=True))
    width = (x[-1] - x[0]) / columns or 1.0
    parts: dict[int, list[int]] = {}
    for i, at in enumerate(x):
        parts.setdefault(min(int((at - x[0]) / width), columns - 1), []).append(i)
    kept = {0, len(x) - 1}
    for part in parts.values():
        finite = [i for i in part if math.isfinite(y[i])]
        if finite:
            kept |= {min(finite, key=y.__getitem__), max(finite, key=y.__getitem__)}
        if len(finite) < len(part):
            kept.add(next(i for i in part if not math.isfinite(y[i])))
    return [(x[i], y[i]) for i in sorted(kept)]


def trend(x: Sequence[float], y: Sequence[float], parts: int = TREND) -> list[tuple[float, float]]:
    """Return the medians of ``parts`` consecutive stretches of a line, at their mean x.

    Values that are not finite are left out. A line of fewer than four points a stretch has no
    trend worth drawing, and gets none.
    """
    points = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(b)]
    if len(points) < 4 * parts:
        return []
    cuts = [round(i * len(points) / parts) for i in range(parts + 1)]
    return [
        (fmean(a for a, _ in points[i:j]), median(b for _, b in points[i:j]))
        for i, j in pairwise(cuts)
    ]


def spans(series: Sequence[Series]) -> bool:
    """Return whether the values are all positive and cover more than two and a half decades."""
    values = [v for s in series for v in s.y if math.isfinite(v)]
    return bool(values) and min(values) > 0 and max(values) / min(values) > 300


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
    log: bool = False,
) -> str:
    """Draw the series over one another, noisy ones pale with their trend on top.

    Returns:
        An ``<svg>`` element, or an empty string if there is no finite value to draw.
    """
    series = [s for s in series if any(math.isfinite(v) for v in s.y)]
    if not series:
        return ""
    plane = _plane(
        range_of((v for s in series for v in s.x), 0.0),
        range_of((v for s in series for v in s.y), 0.04, log=log),
        log=log,
    )
    parts = [plane.axes(x_label, y_label)]
    parts += [line.draw(plane) for i, one in enumerate(series) for line in _lines(one, i)]
    parts += _bands(series, plane, x_label)
    legend = _legend([s.name for s in series]) if len(series) > 1 else ""
    return _chart(title, parts) + legend


def bar_chart(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    x_label: str,
    y_label: str,
    reference: float | None = None,
) -> str:
    """Draw one bar per label from zero up; ``reference`` is a level drawn across.

    Returns:
        An ``<svg>`` element, or an empty string if there is nothing to draw.

    Raises:
        ValueError: A value is negative or not finite, or labels and values differ in number.
    """
    if len(labels) != len(values):
        raise ValueError(f"{len(labels)} labels for {len(values)} values")
    if any(not math.isfinite(v) or v < 0 for v in values):
        raise ValueError("bars need finite values of at least 0")
    if not values:
        return ""
    highest = max(*values, reference or 0.0)
    plane = _plane((0.0, float(len(values))), (0.0, highest * 1.05 or 1.0))
    middles = [plane.across.at(i + 0.5) for i in range(len(labels))]
    every = math.ceil(len(labels) / LABELS)
    words = list(zip(middles, labels, strict=True))[::every]
    parts = [plane.axes(x_label, y_label, words)]
    for i, (label, value) in enumerate(zip(labels, values, strict=True)):
        left, right, top = plane.across.at(i + 0.1), plane.across.at(i + 0.9), plane.up.at(value)
        size = {"width": right - left, "height": plane.up.start - top}
        said = svg.told(f"{label}: {number(value)}")
        parts.append(svg.filled("rect", said, 0, x=left, y=top, **size))
    if reference is not None:
        level = Line(plane.across.ends, [reference] * 2, colour=INK, dashed=True, width=1.2)
        parts.append(svg.element("g", level.draw(plane) + svg.told(number(reference))))
    return _chart(title, parts)


def _lines(one: Series, place: int) -> Iterator[Line]:
    """Yield a series as a line; of a noisy one it is pale, and its trend is on top."""
    over = trend(one.x, one.y)
    pale = (1.0, 0.35) if over else (1.5, 1.0)
    for points, (width, opacity) in ((envelope(one.x, one.y), pale), (over, (1.5, 1.0))):
        if points:
            x, y = zip(*points, strict=True)
            colour, dashed = place % COLOURS, place >= COLOURS
            yield Line(x, y, colour=colour, dashed=dashed, width=width, opacity=opacity)


def _plane(x: tuple[float, float], y: tuple[float, float], *, log: bool = False) -> Plane:
    return Plane(
        Axis(*x, float(LEFT), float(WIDTH - RIGHT)),
        Axis(*y, float(HEIGHT - BOTTOM), float(TOP), log=log),
    )


def _bands(series: Sequence[Series], plane: Plane, x_label: str) -> list[str]:
    """Return invisible upright bands whose titles give the values nearest to their middle."""
    across = plane.across
    xs = sorted({x for s in series for x in s.x})
    if len(xs) > BANDS:
        xs = [xs[round(i * (len(xs) - 1) / (BANDS - 1))] for i in range(BANDS)]
    middles = [(across.at(a) + across.at(b)) / 2 for a, b in pairwise(xs)]
    edges = [across.start, *middles, across.stop]
    values = [dict(zip(s.x, s.y, strict=True)) for s in series]
    _, top, _, height = plane.box
    bands: list[str] = []
    for x, (left, right) in zip(xs, pairwise(edges), strict=True):
        lines = [f"{x_label} {number(x)}"]
        lines += [
            f"{s.name} {number(at[x])}" for s, at in zip(series, values, strict=True) if x in at
        ]
        size = {"x": left, "y": top, "width": right - left, "height": height}
        bands.append(
            svg.element("rect", svg.told("\n".join(lines)), class_="band", **size, fill_opacity="0")
        )
    return bands


def _legend(names: Sequence[str]) -> str:
    """Return the legend as text below the chart, where long names can wrap."""
    entries = "".join(
        f'<li class="c{i % COLOURS}{" dashed" if i >= COLOURS else ""}">{escape(name)}</li>'
        for i, name in enumerate(names)
    )
    return f'<ul class="legend">{entries}</ul>'


def _chart(title: str, parts: Sequence[str]) -> str:
    drawn = svg.text(LEFT, 17, title, "title") + "".join(parts)
    return svg.element("svg", drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title)
