"""Standalone figures as SVG text: panels with curves, dots, bars, pictures and words.

A figure brings its own paper and colours, so that it reads the same on light and dark pages and
outside of any page. `charts` gives the axes.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ganvas.report.charts import Axis, number

PALETTE = (
    *("#2a62b8", "#c8541b", "#1f8a70", "#9b3fa0", "#b8860b", "#2997b8", "#c2386b", "#6b7a12"),
    *("#1d2125", "#9aa4ac"),
)
INK, FAINT = 8, 9
"""Places in the palette of black and grey."""
WIDTH, HEIGHT = 300, 236  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 56, 18, 26, 40  # margins in a panel
LINE = 15  # height of a line of the legend
SMALL, CAPITAL = 5.9, 7.6  # mean widths of characters of the legend
HEAD, FOOT = 30, 4  # above and below all panels
DIGITS = 2  # decimals of a coordinate

STYLE = (
    "svg{font:11px system-ui,'Segoe UI',Roboto,Helvetica,Arial,'DejaVu Sans',sans-serif}"
    "text{fill:#4c555c}.t{fill:#1d2125;font-size:13px;font-weight:600}"
    ".h{fill:#1d2125;font-size:15px;font-weight:600}.m{text-anchor:middle}.e{text-anchor:end}"
    ".i{fill:#1d2125}.g{stroke:#e2e5e7;stroke-width:.7}.a{stroke:#667078;stroke-width:.9}"
    "path{fill:none;stroke-linejoin:round;stroke-linecap:round}"
)

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Plane:
    """The map of one panel from values to pixels."""

    across: Axis
    up: Axis

    def points(self, x: ArrayLike, y: ArrayLike) -> list[tuple[float, float] | None]:
        """Return the pixels of finite points that the axes can show, None for the others."""
        places: list[tuple[float, float] | None] = []
        for a, b in zip(floats(x), floats(y), strict=True):
            shown = math.isfinite(a) and math.isfinite(b)
            shown = shown and (a > 0 or not self.across.log) and (b > 0 or not self.up.log)
            places.append((self.across.at(a), self.up.at(b)) if shown else None)
        return places


class Mark(Protocol):
    """Something drawn in a panel; without a name it is not in the legend."""

    @property
    def name(self) -> str | None: ...  # noqa: D102
    @property
    def colour(self) -> int: ...  # noqa: D102
    def extent(self) -> tuple[list[float], list[float]]: ...  # noqa: D102
    def draw(self, plane: Plane) -> str: ...  # noqa: D102


def floats(values: ArrayLike) -> list[float]:
    """Return values as a list of numbers."""
    return np.asarray(values, np.float64).ravel().tolist()


@dataclass(frozen=True)
class Line:
    """A curve; a point that is not finite is a gap."""

    x: ArrayLike
    y: ArrayLike
    name: str | None = None
    colour: int = 0
    dashed: bool = False
    width: float = 1.8
    dots: bool = False
    arrow: bool = False

    def extent(self) -> tuple[list[float], list[float]]:
        """Return all coordinates."""
        return floats(self.x), floats(self.y)

    def draw(self, plane: Plane) -> str:
        """Return the path, with a dot at every point or an arrow at the end if asked."""
        parts, pen = list[str](), "M"
        places = plane.points(self.x, self.y)
        for place in places:
            if place is None:
                pen = "M"
                continue
            parts.append(f"{pen}{place[0]:.{DIGITS}f} {place[1]:.{DIGITS}f}")
            pen = "L"
        dash = ' stroke-dasharray="5 4"' if self.dashed else ""
        ink = f'stroke="{PALETTE[self.colour]}" stroke-width="{self.width}"'
        drawn = f'<path d="{"".join(parts)}" {ink}{dash}/>'
        if self.dots:
            drawn += _dots(places, self.colour, 5.0, 1.0)
        if self.arrow and len(places) > 1 and places[-1] is not None and places[-2] is not None:
            drawn += _arrow(places[-2], places[-1], self.colour)
        return drawn


@dataclass(frozen=True)
class Dots:
    """Points; ``size`` is their diameter in pixels."""

    x: ArrayLike
    y: ArrayLike
    name: str | None = None
    colour: int = 0
    size: float = 3.0
    opacity: float = 0.7

    def extent(self) -> tuple[list[float], list[float]]:
        """Return all coordinates."""
        return floats(self.x), floats(self.y)

    def draw(self, plane: Plane) -> str:
        """Return one path of round dots."""
        return _dots(plane.points(self.x, self.y), self.colour, self.size, self.opacity)


@dataclass(frozen=True)
class Area:
    """The area between a curve and zero."""

    x: ArrayLike
    y: ArrayLike
    name: str | None = None
    colour: int = 0

    def extent(self) -> tuple[list[float], list[float]]:
        """Return all coordinates, and zero."""
        return floats(self.x), [*floats(self.y), 0.0]

    def draw(self, plane: Plane) -> str:
        """Return the filled area and its border."""
        places = [p for p in plane.points(self.x, self.y) if p is not None]
        if not places:
            return ""
        border = "L".join(f"{a:.{DIGITS}f} {b:.{DIGITS}f}" for a, b in places)
        floor = plane.up.start if plane.up.log else plane.up.at(0.0)
        ends = f"L{places[-1][0]:.2f} {floor:.2f}L{places[0][0]:.2f} {floor:.2f}Z"
        shade = PALETTE[self.colour]
        return (
            f'<path d="M{border}{ends}" style="fill:{shade};fill-opacity:.18"/>'
            f'<path d="M{border}" stroke="{shade}" stroke-width="1.5"/>'
        )


@dataclass(frozen=True)
class Bars:
    """A histogram: ``heights`` (n,) over ``edges`` (n + 1,)."""

    edges: ArrayLike
    heights: ArrayLike
    name: str | None = None
    colour: int = 0
    opacity: float = 0.75

    def extent(self) -> tuple[list[float], list[float]]:
        """Return edges and heights, and zero on a linear axis."""
        return floats(self.edges), [*floats(self.heights), 0.0]

    def draw(self, plane: Plane) -> str:
        """Return one rectangle for each bar that has a height."""
        edges, heights = floats(self.edges), floats(self.heights)
        floor = plane.up.start if plane.up.log else plane.up.at(0.0)
        drawn = list[str]()
        for left, right, height in zip(edges, edges[1:], heights, strict=False):
            if height <= 0:
                continue
            a, b, top = plane.across.at(left), plane.across.at(right), plane.up.at(height)
            drawn.append(f"M{a:.2f} {floor:.2f}V{top:.2f}H{b:.2f}V{floor:.2f}Z")
        ink = f"fill:{PALETTE[self.colour]};fill-opacity:{self.opacity}"
        return f'<path d="{"".join(drawn)}" style="{ink}"/>'


@dataclass(frozen=True)
class Picture:
    """An image uint8 (H, W) or (H, W, 3) over [left, right] × [bottom, top]."""

    pixels: Pixels
    left: float
    right: float
    bottom: float
    top: float
    smooth: bool = False
    name: str | None = None
    colour: int = 0

    def extent(self) -> tuple[list[float], list[float]]:
        """Return the corners."""
        return [self.left, self.right], [self.bottom, self.top]

    def draw(self, plane: Plane) -> str:
        """Return the image, inside the file."""
        a, b = plane.across.at(self.left), plane.across.at(self.right)
        top, bottom = plane.up.at(self.top), plane.up.at(self.bottom)
        look = "" if self.smooth else ' style="image-rendering:pixelated"'
        return (
            f'<image x="{a:.2f}" y="{top:.2f}" width="{b - a:.2f}" height="{bottom - top:.2f}" '
            f'preserveAspectRatio="none"{look} href="data:image/png;base64,{png(self.pixels)}"/>'
        )


@dataclass(frozen=True)
class Words:
    """Text centred at a point."""

    x: float
    y: float
    text: str
    colour: int = INK
    name: str | None = None

    def extent(self) -> tuple[list[float], list[float]]:
        """Return the point."""
        return [self.x], [self.y]

    def draw(self, plane: Plane) -> str:
        """Return the text."""
        x, y = plane.across.at(self.x), plane.up.at(self.y)
        style = f"fill:{PALETTE[self.colour]}"
        place = f'class="m" x="{x:.2f}" y="{y + 4:.2f}"'
        return f'<text {place} style="{style}">{escape(self.text)}</text>'


@dataclass(frozen=True)
class Panel:
    """One plot.

    Attributes:
        title, x_label, y_label: its words.
        marks: what is drawn, in this order.
        x, y: the ranges shown; None: of all marks.
        log_x, log_y: logarithmic axes.
        square: the same unit on both axes.
        bare: no axes, for pictures.
    """

    title: str
    marks: Sequence[Mark]
    x_label: str = ""
    y_label: str = ""
    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    log_x: bool = False
    log_y: bool = False
    square: bool = False
    bare: bool = False


@dataclass
class _Legend:
    """Names of marks, set in lines."""

    panel: Panel
    lines: list[list[tuple[str, Mark]]] = field(default_factory=list[list[tuple[str, Mark]]])

    def __post_init__(self) -> None:
        used = math.inf
        for mark in self.panel.marks:
            if mark.name is None:
                continue
            width = 26 + _width(mark.name)
            if used + width > WIDTH - 24:
                self.lines.append([])
                used = 0.0
            self.lines[-1].append((mark.name, mark))
            used += width

    def draw(self, top: float) -> str:
        """Return the legend with its first line at ``top``."""
        drawn = ""
        for row, line in enumerate(self.lines):
            x, y = 14.0, top + row * LINE
            for name, mark in line:
                dash = ' stroke-dasharray="4 3"' if getattr(mark, "dashed", False) else ""
                ink = f'stroke="{PALETTE[mark.colour]}" stroke-width="3"'
                drawn += f'<path d="M{x:.1f} {y - 4:.1f}h14" {ink}{dash}/>'
                drawn += _text(x + 18, y, name, "i")
                x += 26 + _width(name)
        return drawn


def figure(title: str, panels: Sequence[Panel], columns: int = 3) -> str:
    """Return a figure of panels, row by row, as one ``<svg>``."""
    columns = min(columns, len(panels))
    legends = [_Legend(panel) for panel in panels]
    drawn = list[str]()
    y = float(HEAD)
    for start in range(0, len(panels), columns):
        row = range(start, min(start + columns, len(panels)))
        room = LINE * max(len(legends[i].lines) for i in row)
        for i in row:
            moved = f"translate({(i - start) * WIDTH} {y:.0f})"
            drawn.append(f'<g transform="{moved}">{_panel(panels[i], legends[i], room, i)}</g>')
        y += HEIGHT + room
    width, height = columns * WIDTH, y + FOOT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}" '
        f'viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<style>{STYLE}</style>"
        f'<rect width="{width}" height="{height:.0f}" rx="8" style="fill:#fdfdfc"/>'
        f"{_text(14, 21, title, 'h')}{''.join(drawn)}</svg>"
    )


def _panel(panel: Panel, legend: _Legend, room: float, place: int) -> str:
    """Return one panel whose legend has ``room`` below the title."""
    top, floor = TOP + room + (4 if room else 0), HEIGHT + room - BOTTOM
    left, right = (LEFT, WIDTH - RIGHT) if not panel.bare else (14, WIDTH - 14)
    floor = floor if not panel.bare else floor + BOTTOM - 12
    xs, ys = ([v for m in panel.marks for v in m.extent()[axis]] for axis in (0, 1))
    x = panel.x or _range(xs, 0.05 if panel.square else 0.0, panel.log_x)
    y = panel.y or _range(ys, 0.05, panel.log_y)
    if panel.square:  # the axis with more room shows more
        unit = max((x[1] - x[0]) / (right - left), (y[1] - y[0]) / (floor - top))
        x, y = _widened(x, unit * (right - left)), _widened(y, unit * (floor - top))
    plane = Plane(Axis(*x, left, right, log=panel.log_x), Axis(*y, floor, top, log=panel.log_y))
    box = f'<rect x="{left}" y="{top}" width="{right - left}" height="{floor - top}"/>'
    inside = "".join(mark.draw(plane) for mark in panel.marks)
    return (
        _text(14, 16, panel.title, "t")
        + legend.draw(TOP + 8)
        + ("" if panel.bare else _axes(plane, panel))
        + f'<clipPath id="c{place}">{box}</clipPath><g clip-path="url(#c{place})">{inside}</g>'
    )


def _axes(plane: Plane, panel: Panel) -> str:
    across, up = plane.across, plane.up
    drawn = list[str]()
    for t in _ticks(up):
        drawn.append(f'<path class="g" d="M{across.start} {up.at(t):.2f}H{across.stop}"/>')
        drawn.append(_text(across.start - 5, up.at(t) + 4, _number(t, up.log), "e"))
    for t in _ticks(across):
        drawn.append(f'<path class="a" d="M{across.at(t):.2f} {up.start}v4"/>')
        drawn.append(_text(across.at(t), up.start + 15, _number(t, across.log), "m"))
    middle = (up.start + up.stop) / 2
    turned = f"translate(13 {middle:.1f}) rotate(-90)"
    return (
        "".join(drawn)
        + f'<path class="a" d="M{across.start} {up.start}H{across.stop}"/>'
        + _text((across.start + across.stop) / 2, up.start + 31, panel.x_label, "m")
        + f'<g transform="{turned}">{_text(0, 0, panel.y_label, "m")}</g>'
    )


def _ticks(axis: Axis) -> list[float]:
    """Return round values on an axis, which may run backwards."""
    low, high = sorted((axis.low, axis.high))
    return replace(axis, low=low, high=high).ticks()


def _range(values: list[float], margin: float, log: bool) -> tuple[float, float]:
    """Return the range of the finite values, widened by a share of itself."""
    finite = [v for v in values if math.isfinite(v) and (v > 0 or not log)] or [1.0]
    low, high = min(finite), max(finite)
    if log:
        room = (high / low) ** margin if high > low else 2.0
        return low / room, high * room
    room = (high - low) * margin if high > low else 0.5 * abs(low) or 0.5
    return low - room, high + room


def _widened(ends: tuple[float, float], length: float) -> tuple[float, float]:
    middle = (ends[0] + ends[1]) / 2
    return middle - length / 2, middle + length / 2


def _number(value: float, log: bool) -> str:
    if log and not 0.0099 <= value <= 1001:
        return f"1e{round(math.log10(value))}".replace("-", "−")
    return number(0.0 if abs(value) < 1e-12 else value).replace("-", "−")


def _dots(
    places: Sequence[tuple[float, float] | None], colour: int, size: float, opacity: float
) -> str:
    path = "".join(f"M{p[0]:.1f} {p[1]:.1f}h0" for p in places if p is not None)
    ink = f'stroke="{PALETTE[colour]}" stroke-width="{size}" stroke-opacity="{opacity}"'
    return f'<path d="{path}" {ink}/>'


def _arrow(before: tuple[float, float], end: tuple[float, float], colour: int) -> str:
    angle = math.atan2(end[1] - before[1], end[0] - before[0])
    wings = [
        (end[0] - 7 * math.cos(angle + turn), end[1] - 7 * math.sin(angle + turn))
        for turn in (0.45, -0.45)
    ]
    corners = "L".join(f"{a:.2f} {b:.2f}" for a, b in (end, *wings))
    return f'<path d="M{corners}Z" style="fill:{PALETTE[colour]}"/>'


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>' if words else ""


def _width(words: str) -> float:
    """Return about how many pixels words take in the legend."""
    return sum(CAPITAL if letter.isupper() else SMALL for letter in words)


def png(pixels: Pixels) -> str:
    """Return uint8 pixels (H, W) or (H, W, 3) as base64 text of a PNG file."""
    held = io.BytesIO()
    image = Image.fromarray(pixels)
    # Few colours are enough for maps and digits, and the files stay small.
    (image.quantize(64) if pixels.ndim == 3 else image).save(held, "PNG", optimize=True)
    return base64.b64encode(held.getvalue()).decode()
