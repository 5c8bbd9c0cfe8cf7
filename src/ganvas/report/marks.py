"""What is drawn in a plot: curves, dots, areas, bars, pictures and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ganvas.report import svg
from ganvas.report.axes import Axis
from ganvas.report.svg import INK, Pixels, Place


@dataclass(frozen=True)
class Plane:
    """The map of one plot from values to pixels."""

    across: Axis
    up: Axis

    def points(self, x: ArrayLike, y: ArrayLike) -> list[Place | None]:
        """Return the pixels of points that the axes have a place for, None for the others."""
        shown = self.across.shows, self.up.shows
        return [
            (self.across.at(a), self.up.at(b)) if shown[0](a) and shown[1](b) else None
            for a, b in zip(floats(x), floats(y), strict=True)
        ]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height in pixels."""
        across, up = self.across, self.up
        return across.start, up.stop, across.stop - across.start, up.start - up.stop

    def axes(
        self, x_label: str, y_label: str, marked: Sequence[tuple[float, str]] | None = None
    ) -> str:
        """Return grid, ticks and labels; ``marked`` are other words at pixels across than ticks."""
        (left, top, width, height), floor = self.box, self.up.start
        drawn = list[str]()
        for y, words in self.up.marked():
            drawn.append(svg.element("path", class_="grid", d=f"M{left:g} {y:.2f}h{width:g}"))
            drawn.append(svg.text(left - 6, y + 4, words, "end"))
        for x, words in self.across.marked() if marked is None else marked:
            if marked is None:
                drawn.append(svg.element("path", class_="axis", d=f"M{x:.2f} {floor:g}v4"))
            drawn.append(svg.text(x, floor + 15, words, "middle"))
        drawn.append(svg.element("path", class_="axis", d=f"M{left:g} {floor:g}h{width:g}"))
        drawn.append(svg.text(left + width / 2, floor + 32, x_label, "middle"))
        upright = svg.text(0, 0, y_label, "middle")
        return "".join(drawn) + svg.moved(upright, 13, top + height / 2, -90)


class Mark(Protocol):
    """Something drawn in a plot; without a name it is not in the legend."""

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
    opacity: float = 1.0
    dots: bool = False
    arrow: bool = False

    def extent(self) -> tuple[list[float], list[float]]:
        """Return all coordinates."""
        return floats(self.x), floats(self.y)

    def draw(self, plane: Plane) -> str:
        """Return the path, with a dot at every point or an arrow at the end if asked."""
        places = plane.points(self.x, self.y)
        drawn = svg.path(
            svg.curve(places),
            self.colour,
            stroke_width=str(self.width),
            stroke_dasharray="5 4" if self.dashed else None,
            opacity=str(self.opacity) if self.opacity < 1 else None,
        )
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
        border, floor = svg.curve(places), plane.up.floor
        ends = f"L{places[-1][0]:.2f} {floor:.2f}L{places[0][0]:.2f} {floor:.2f}Z"
        shade = svg.filled("path", "", self.colour, d=border + ends, fill_opacity=".18")
        return shade + svg.path(border, self.colour, stroke_width="1.5")


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
        """Return one path around each bar that has a height."""
        edges, floor, drawn = floats(self.edges), plane.up.floor, list[str]()
        for (left, right), height in zip(pairwise(edges), floats(self.heights), strict=True):
            if height > 0:
                a, b, top = plane.across.at(left), plane.across.at(right), plane.up.at(height)
                drawn.append(f"M{a:.2f} {floor:.2f}V{top:.2f}H{b:.2f}V{floor:.2f}Z")
        data = "".join(drawn)
        return svg.filled("path", "", self.colour, d=data, fill_opacity=str(self.opacity))


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
        look = "" if self.smooth else "image-rendering:pixelated"
        sized = {"preserveAspectRatio": "none", "style": look}
        return svg.image(self.pixels, a, top, b - a, bottom - top, **sized)


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
        x, y = plane.across.at(self.x), plane.up.at(self.y) + 4
        # A style of its own: the rule for all text would win over an attribute.
        return svg.text(x, y, self.text, "middle", style=f"fill:{svg.PALETTE[self.colour]}")


def _dots(places: Sequence[Place | None], colour: int, size: float, opacity: float) -> str:
    drawn = "".join(f"M{p[0]:.1f} {p[1]:.1f}h0" for p in places if p is not None)
    return svg.path(drawn, colour, stroke_width=str(size), stroke_opacity=str(opacity))


def _arrow(before: Place, end: Place, colour: int) -> str:
    angle = math.atan2(end[1] - before[1], end[0] - before[0])
    wings = [
        (end[0] - 7 * math.cos(angle + turn), end[1] - 7 * math.sin(angle + turn))
        for turn in (0.45, -0.45)
    ]
    return svg.filled("path", "", colour, d=f"{svg.curve((end, *wings))}Z")
