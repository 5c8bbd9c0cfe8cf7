"""Standalone figures: panels of marks, row by row, in one picture.

A figure brings its own paper and colours, so that it reads the same on light and dark pages and
outside of any page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganvas.report import svg
from ganvas.report.axes import Axis, range_of
from ganvas.report.marks import Mark, Plane
from ganvas.slices import slices

WIDTH, HEIGHT = 300, 236  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 56, 18, 26, 40  # margins in a panel
EDGE = 14  # of titles and legends, and of panels without axes
LINE = 15  # height of a line of the legend
SMALL, CAPITAL = 5.9, 7.6  # mean widths of characters of the legend
HEAD, FOOT = 30, 4  # above and below all panels


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
            x, y = float(EDGE), top + row * LINE
            for name, mark in line:
                dash = "4 3" if getattr(mark, "dashed", False) else None
                look = {"stroke_width": "3", "stroke_dasharray": dash}
                drawn += svg.path(f"M{x:.1f} {y - 4:.1f}h14", mark.colour, **look)
                drawn += svg.text(x + 18, y, name, "ink")
                x += 26 + _width(name)
        return drawn


def figure(title: str, panels: Sequence[Panel], columns: int = 3) -> str:
    """Return a figure of panels, row by row, as one ``<svg>``."""
    drawn, width, height = panels_of(panels, columns)
    return svg.document(width, HEAD + height + FOOT, title, [svg.moved(drawn, 0, HEAD)], EDGE)


def panels_of(panels: Sequence[Panel], columns: int) -> tuple[str, int, int]:
    """Return panels, row by row, with the width and the height that they take."""
    columns = min(columns, len(panels))
    legends = [_Legend(panel) for panel in panels]
    drawn, y = list[str](), 0
    for part in slices(len(panels), columns):
        row = range(part.start, part.stop)
        room = LINE * max(len(legends[i].lines) for i in row)
        drawn += [
            svg.moved(_panel(panels[i], legends[i], room, i), (i - part.start) * WIDTH, y)
            for i in row
        ]
        y += HEIGHT + room
    return "".join(drawn), columns * WIDTH, y


def _panel(panel: Panel, legend: _Legend, room: int, place: int) -> str:
    """Return one panel whose legend has ``room`` below the title."""
    top, floor = TOP + room + (4 if room else 0), HEIGHT + room - BOTTOM
    left, right = (LEFT, WIDTH - RIGHT) if not panel.bare else (EDGE, WIDTH - EDGE)
    floor = floor if not panel.bare else floor + BOTTOM - 12
    xs, ys = ([v for m in panel.marks for v in m.extent()[axis]] for axis in (0, 1))
    x = panel.x or range_of(xs, 0.05 if panel.square else 0.0, log=panel.log_x)
    y = panel.y or range_of(ys, 0.05, log=panel.log_y)
    if panel.square:  # the axis with more room shows more
        unit = max((x[1] - x[0]) / (right - left), (y[1] - y[0]) / (floor - top))
        x, y = _widened(x, unit * (right - left)), _widened(y, unit * (floor - top))
    plane = Plane(Axis(*x, left, right, log=panel.log_x), Axis(*y, floor, top, log=panel.log_y))
    return (
        svg.text(EDGE, 16, panel.title, "title")
        + legend.draw(TOP + 8)
        + ("" if panel.bare else plane.axes(panel.x_label, panel.y_label))
        + svg.clipped("".join(mark.draw(plane) for mark in panel.marks), plane.box, f"c{place}")
    )


def _widened(ends: tuple[float, float], length: float) -> tuple[float, float]:
    middle = (ends[0] + ends[1]) / 2
    return middle - length / 2, middle + length / 2


def _width(words: str) -> float:
    """Return about how many pixels words take in the legend."""
    return sum(CAPITAL if letter.isupper() else SMALL for letter in words)
