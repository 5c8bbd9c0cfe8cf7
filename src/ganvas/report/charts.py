"""Line and bar charts as SVG text, with nothing but arithmetic.

Charts carry no colours of their own: `style.css` gives them, for light and dark. Hovering shows
values through SVG's own ``<title>``, so that no script is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import fmean, median

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 30, 42  # margins for ticks and labels
COLOURS = 8  # classes c0 … c7 of style.css; further series repeat them, dashed
COLUMNS = 160  # a line has at most two points per column, plus its ends
TREND = 48  # points of the trend that is drawn over a noisy line
BANDS = 48  # hover areas across a chart


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


@dataclass(frozen=True)
class Axis:
    """The map from values in [low, high] to pixels in [start, stop]; linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of ``value``."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (value - low) / (high - low) * (self.stop - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Return about ``count`` round values between low and high."""
        if not self.log:
            return linear_ticks(self.low, self.high, count)
        decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        return [10.0**k for k in decades[:: max(1, math.ceil(len(decades) / count))]]


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return at most ``count + 1`` multiples of 1, 2 or 5 times a power of ten in [low, high]."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def number(value: float) -> str:
    """Write a number for people: four significant digits, thousands as k and millions as M."""
    if abs(value) >= 1e6 and math.isfinite(value):
        return f"{value / 1e6:.4g}M"
    if abs(value) >= 1e4 and math.isfinite(value):
        return f"{value / 1e3:.4g}k"
    return f"{value:.4g}"


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
    across = _axis([v for s in series for v in s.x], LEFT, WIDTH - RIGHT, margin=0.0)
    up = _axis([v for s in series for v in s.y], HEIGHT - BOTTOM, TOP, margin=0.04, log=log)
    parts = [_frame(across, up, title, x_label, y_label)]
    for i, line in enumerate(series):
        kind = f"line c{i % COLOURS}{' dashed' if i >= COLOURS else ''}"
        over = trend(line.x, line.y)
        raw = _path(envelope(line.x, line.y), across, up)
        parts.append(f'<path class="{kind}{" raw" if over else ""}" d="{raw}"/>')
        if over:
            parts.append(f'<path class="{kind} trend" d="{_path(over, across, up)}"/>')
    parts += _bands(series, across, x_label)
    legend = _legend([s.name for s in series]) if len(series) > 1 else ""
    return _svg(parts, title) + legend


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
    levels = [0.0, *values, *([] if reference is None else [reference])]
    up = Axis(0.0, max(levels) * 1.05 or 1.0, HEIGHT - BOTTOM, TOP)
    pitch = (WIDTH - LEFT - RIGHT) / len(values)
    parts = [_grid(up, title, x_label, y_label)]
    every = math.ceil(len(labels) / 12)  # labels that fit side by side
    for i, (label, value) in enumerate(zip(labels, values, strict=True)):
        left, top = LEFT + (i + 0.1) * pitch, up.at(value)
        parts.append(
            f'<rect class="bar c0" x="{left:.2f}" y="{top:.2f}" width="{0.8 * pitch:.2f}" '
            f'height="{up.start - top:.2f}"><title>{escape(label)}: {number(value)}</title></rect>'
        )
        if i % every == 0:
            parts.append(_text(left + 0.4 * pitch, up.start + 15, label, "tick middle"))
    if reference is not None:
        y = up.at(reference)
        parts.append(
            f'<path class="reference" d="M{LEFT} {y:.2f}H{WIDTH - RIGHT}">'
            f"<title>{number(reference)}</title></path>"
        )
    return _svg(parts, title)


def _axis(
    values: Sequence[float], start: float, stop: float, *, margin: float, log: bool = False
) -> Axis:
    """Return an axis that holds every finite value with a margin (a share of the range)."""
    finite = [v for v in values if math.isfinite(v)]
    low, high = min(finite), max(finite)
    if log:
        room = (high / low) ** margin if high > low else 2.0
        return Axis(low / room, high * room, start, stop, log=True)
    room = (high - low) * margin if high > low else 0.5 * abs(low) or 0.5
    return Axis(low - room, high + room, start, stop)


def _path(points: Sequence[tuple[float, float]], across: Axis, up: Axis) -> str:
    """Return SVG path data; a point without a value lifts the pen, a lone point becomes a dot."""
    drawn: list[str] = []
    pen = "M"
    for x, y in points:
        if math.isfinite(y):
            drawn.append(f"{pen}{across.at(x):.2f} {up.at(y):.2f}")
            pen = "L"
        else:
            pen = "M"
    # A subpath of one point has no length and would not show: give it one.
    return "".join(
        part + ("h0.01" if part[0] == "M" and after[0] == "M" else "")
        for part, after in pairwise([*drawn, "M"])
    )


def _bands(series: Sequence[Series], across: Axis, x_label: str) -> list[str]:
    """Return invisible upright bands whose titles give the values nearest to their middle."""
    xs = sorted({x for s in series for x in s.x})
    if len(xs) > BANDS:
        xs = [xs[round(i * (len(xs) - 1) / (BANDS - 1))] for i in range(BANDS)]
    middles = [(across.at(a) + across.at(b)) / 2 for a, b in pairwise(xs)]
    edges = [across.start, *middles, across.stop]
    values = [dict(zip(s.x, s.y, strict=True)) for s in series]
    bands: list[str] = []
    for x, (left, right) in zip(xs, pairwise(edges), strict=True):
        lines = [f"{x_label} {number(x)}"]
        lines += [
            f"{s.name} {number(at[x])}" for s, at in zip(series, values, strict=True) if x in at
        ]
        bands.append(
            f'<rect class="band" x="{left:.2f}" y="{TOP}" width="{right - left:.2f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"><title>{escape(chr(10).join(lines))}</title></rect>'
        )
    return bands


def _frame(across: Axis, up: Axis, title: str, x_label: str, y_label: str) -> str:
    """Return the grid with ticks on both axes."""
    ticks = "".join(
        f'<path class="axis" d="M{across.at(t):.2f} {up.start}v4"/>'
        + _text(across.at(t), up.start + 15, number(t), "tick middle")
        for t in across.ticks()
    )
    return _grid(up, title, x_label, y_label) + ticks


def _grid(up: Axis, title: str, x_label: str, y_label: str) -> str:
    """Return title, labels, base line and the upright axis with its grid lines."""
    lines = "".join(
        f'<path class="grid" d="M{LEFT} {up.at(t):.2f}H{WIDTH - RIGHT}"/>'
        + _text(LEFT - 6, up.at(t) + 4, number(t), "tick end")
        for t in up.ticks()
    )
    upright = f"translate(12 {(TOP + HEIGHT - BOTTOM) / 2:.2f}) rotate(-90)"
    return (
        _text(LEFT, 17, title, "title")
        + _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, "label middle")
        + f'<g transform="{upright}">{_text(0, 0, y_label, "label middle")}</g>'
        + lines
        + f'<path class="axis" d="M{LEFT} {up.start}H{WIDTH - RIGHT}"/>'
    )


def _legend(names: Sequence[str]) -> str:
    """Return the legend as text below the chart, where long names can wrap."""
    entries = "".join(
        f'<li class="c{i % COLOURS}{" dashed" if i >= COLOURS else ""}">{escape(name)}</li>'
        for i, name in enumerate(names)
    )
    return f'<ul class="legend">{entries}</ul>'


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.2f}" y="{y:.2f}">{escape(words)}</text>'


def _svg(parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
