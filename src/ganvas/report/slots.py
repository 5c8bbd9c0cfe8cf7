"""Figures about the slots of a memory: posterior bars, and a browser of what slots hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganvas.report import svg
from ganvas.report.figures import EDGE, HEAD, WIDTH, Panel, panels_of
from ganvas.report.svg import Pixels

CELL, GAP = 64, 10
"""Edge of a picture, and room between two."""
BAR = 72
"""Height of the highest bar of a row."""
LINE = 14
"""Height of a line of words."""
MARKED = "#c62828"
"""The frame of the item that is asked about."""
LOWEST = 420
"""Width that a title takes."""


@dataclass(frozen=True)
class Bar:
    """One slot for one item: its number, p(c|x), and a picture of what it generates."""

    slot: int
    share: float
    picture: Pixels


@dataclass(frozen=True)
class Asked:
    """One item that the posterior is asked about, with the slots shown for it."""

    picture: Pixels
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Held:
    """One slot of the browser: lines about it, and pictures of what it generates, maybe none."""

    lines: Sequence[str]
    pictures: Sequence[Pixels]


def posterior_bars(title: str, items: Sequence[Asked]) -> str:
    """Return bars p(c|x) over pictures of the slots, a row for each item (memoryGAN, Fig. 3b).

    The highest bar of each row has the same height; every bar says its value.
    """
    high = LINE + BAR + 6 + CELL + LINE + GAP
    drawn: list[str] = []
    for row, item in enumerate(items):
        floor = HEAD + row * high + LINE + BAR
        top = max((bar.share for bar in item.bars), default=0.0) or 1.0
        drawn.append(_picture(item.picture, EDGE, floor + 6, frame=MARKED))
        for place, bar in enumerate(item.bars, 1):
            x = EDGE + GAP + place * (CELL + GAP)
            height = BAR * bar.share / top
            middle, tip = x + CELL / 2, floor - height
            size = {"width": CELL - 28, "height": height}
            drawn += [
                svg.filled("rect", "", 0, x=x + 14, y=tip, **size),
                svg.text(middle, tip - 4, _share(bar.share), "middle"),
                _picture(bar.picture, x, floor + 6),
                svg.text(middle, floor + 6 + CELL + 12, f"slot {bar.slot}", "middle"),
            ]
    columns = 1 + max((len(item.bars) for item in items), default=0)
    width = 2 * EDGE + GAP + columns * (CELL + GAP)
    return svg.document(max(width, LOWEST), HEAD + len(items) * high, title, drawn, EDGE)


def slot_browser(
    title: str, summary: str, panels: Sequence[Panel], slots: Sequence[Held], *, columns: int = 3
) -> str:
    """Return a page of slots, below plots about the whole memory.

    Args:
        title: of the page.
        summary: a line about the whole memory.
        panels: the plots.
        slots: those shown, in this order.
        columns: slots side by side.
    """
    plots, _, height = panels_of(panels, columns)
    top = HEAD + HEAD + height + GAP
    most = max((len(slot.pictures) for slot in slots), default=0)
    wide = max(most * (CELL + 2) + GAP, WIDTH)
    lines = max((len(slot.lines) for slot in slots), default=0)
    high = LINE * lines + CELL + 2 * GAP
    drawn = [svg.text(EDGE, HEAD + 21, summary, "title"), svg.moved(plots, 0, 2 * HEAD)]
    for place, slot in enumerate(slots):
        x = EDGE + place % columns * wide
        y = top + place // columns * high
        for line, words in enumerate(slot.lines):
            drawn.append(svg.text(x, y + 10 + line * LINE, words, "ink" if line == 0 else ""))
        below = y + LINE * lines + 4
        drawn += [
            _picture(pixels, x + i * (CELL + 2), below) for i, pixels in enumerate(slot.pictures)
        ]
    rows = -(-len(slots) // columns)
    size = 2 * EDGE + columns * wide, top + rows * high
    return svg.document(*size, title, drawn, EDGE)


def _picture(pixels: Pixels, x: float, y: float, *, frame: str = "") -> str:
    """Return a picture in a square cell, its proportions kept."""
    drawn = svg.image(pixels, x, y, CELL, CELL, style="image-rendering:pixelated")
    size = {"x": x, "y": y, "width": CELL, "height": CELL}
    look = {"fill": "none", "stroke": frame, "stroke_width": "3"}
    return drawn + (svg.element("rect", **size, **look) if frame else "")


def _share(share: float) -> str:
    return f"{share:.2g}" if share >= 0.001 else f"{share:.1e}"
