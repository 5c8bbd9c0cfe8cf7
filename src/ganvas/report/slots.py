"""Figures about the slots of a memory: posterior bars, and a browser of what slots hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ganvas.report.figures import HEAD, PALETTE, STYLE, WIDTH, Panel, Pixels, figure, png

CELL, GAP, MARGIN = 64, 10, 14
"""Edge of a picture, room between two, and around all."""
BAR = 72
"""Height of the highest bar of a row."""
LINE = 14
"""Height of a line of words."""
MARKED = "#c62828"
"""The frame of the item that is asked about."""


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
        drawn.append(_picture(item.picture, MARGIN, floor + 6, frame=MARKED))
        for place, bar in enumerate(item.bars, 1):
            x = MARGIN + GAP + place * (CELL + GAP)
            height = BAR * bar.share / top
            drawn.append(
                f'<rect x="{x + 14}" y="{floor - height:.1f}" width="{CELL - 28}" '
                f'height="{height:.1f}" style="fill:{PALETTE[0]}"/>'
                + _words(x + CELL / 2, floor - height - 4, _share(bar.share), "m")
                + _picture(bar.picture, x, floor + 6)
                + _words(x + CELL / 2, floor + 6 + CELL + 12, f"slot {bar.slot}", "m")
            )
    columns = 1 + max((len(item.bars) for item in items), default=0)
    width = 2 * MARGIN + GAP + columns * (CELL + GAP)
    return _page(title, max(width, 420), HEAD + len(items) * high, drawn)


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
    above = figure(summary, panels, columns=columns)
    top = HEAD + _height(above) + GAP
    most = max((len(slot.pictures) for slot in slots), default=0)
    wide = max(most * (CELL + 2) + GAP, WIDTH)
    lines = max((len(slot.lines) for slot in slots), default=0)
    high = LINE * lines + CELL + 2 * GAP
    drawn = [above.replace("<svg ", f'<svg x="0" y="{HEAD}" ', 1)]
    for place, slot in enumerate(slots):
        x = MARGIN + place % columns * wide
        y = top + place // columns * high
        for line, words in enumerate(slot.lines):
            drawn.append(_words(x, y + 10 + line * LINE, words, "i" if line == 0 else ""))
        below = y + LINE * lines + 4
        drawn += [
            _picture(pixels, x + i * (CELL + 2), below) for i, pixels in enumerate(slot.pictures)
        ]
    rows = -(-len(slots) // columns)
    return _page(title, 2 * MARGIN + columns * wide, top + rows * high, drawn)


def _height(svg: str) -> int:
    """Return the height that an ``<svg>`` of `figure` states."""
    return int(svg.partition('height="')[2].partition('"')[0])


def _page(title: str, width: int, height: int, drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f'<style>{STYLE}</style><rect width="{width}" height="{height}" rx="8" '
        f'style="fill:#fdfdfc"/>{_words(MARGIN, 21, title, "h")}{"".join(drawn)}</svg>'
    )


def _picture(pixels: Pixels, x: float, y: float, *, frame: str = "") -> str:
    """Return a picture in a square cell, its proportions kept, inside the file."""
    border = ""
    if frame:
        ink = f"fill:none;stroke:{frame};stroke-width:3"
        border = f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" style="{ink}"/>'
    return (
        f'<image x="{x}" y="{y}" width="{CELL}" height="{CELL}" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{png(pixels)}"/>{border}'
    )


def _words(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _share(share: float) -> str:
    return f"{share:.2g}" if share >= 0.001 else f"{share:.1e}"
