"""A figure of fakes beside the reals that they are matched with: lines, weights, repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Dots, Line, Mark, Picture
from ganvas.report.svg import FAINT, INK

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

BANDS = ((0.0, 0.5, 9), (0.5, 1.0, 5), (1.0, 2.0, 4), (2.0, np.inf, 1))
"""Weights from, to, and a place in the palette: grey below half of the mean, red above twice."""
SHOWN = 12
"""Pairs of pictures."""
GAP = 2


@dataclass(frozen=True)
class Matched:
    """Pairs in the plane; row i of all is one pair.

    Attributes:
        reals, fakes: (n, 2).
        real_weights, fake_weights: with mean 1, (n,).
        axes: what the plane's axes are.
        pictures: reals and fakes uint8 (n, 2, H, W, C), if they are images.
        repeats: pairs of equal samples uint8 (m, 2, H, W, C).
        repeated: a sentence about how many samples repeat others.
    """

    reals: Floats
    fakes: Floats
    real_weights: Floats
    fake_weights: Floats
    axes: tuple[str, str]
    pictures: Pixels | None = None
    repeats: Pixels | None = None
    repeated: str = ""


def pair_figure(found: Matched) -> str:
    """Return lines from real to fake, maps of both weights and, of images, the worst pairs."""
    panels = [
        plane("Pairs", found, lines(found)),
        plane("Reals by weight: heavy ones are hardly met", found, weighted(found, "real")),
        plane("Fakes by weight: light ones are unusual", found, weighted(found, "fake")),
    ]
    if found.pictures is not None:
        worst = np.argsort(-found.real_weights)[:SHOWN]
        panels.append(strip("Reals hardly met, and their fakes", found.pictures[worst]))
    if found.repeats is not None and len(found.repeats):
        panels.append(strip("Samples twice", found.repeats[:SHOWN]))
    return figure(f"Pairs of real and generated samples. {found.repeated}".strip(), panels)


def plane(title: str, found: Matched, marks: Sequence[Mark]) -> Panel:
    """Return a panel of the plane that shows all reals; fakes far away are outside."""
    low, high = found.reals.min(0), found.reals.max(0)
    room = 0.15 * np.maximum(high - low, 1e-9)
    (left, bottom), (right, top) = (low - room).tolist(), (high + room).tolist()
    across, up = found.axes
    return Panel(
        title, marks, x_label=across, y_label=up, x=(left, right), y=(bottom, top), square=True
    )


def lines(found: Matched) -> Sequence[Mark]:
    """Return one line for each pair, and the dots at their ends."""
    real, fake = found.reals, found.fakes
    ends = np.stack([real, fake, np.full_like(real, np.nan)], 1).reshape(-1, 2)
    return [
        Line(ends[:, 0], ends[:, 1], colour=FAINT, width=0.8),
        Dots(real[:, 0], real[:, 1], "real", INK, 4.0),
        Dots(fake[:, 0], fake[:, 1], "generated", 1, 3.0),
    ]


def weighted(found: Matched, side: str) -> Sequence[Mark]:
    """Return the dots of one side, those of each band of weights in a colour of their own."""
    points, weights = (
        (found.reals, found.real_weights) if side == "real" else (found.fakes, found.fake_weights)
    )
    marks: list[Mark] = []
    for low, high, colour in BANDS:
        held = points[(weights >= low) & (weights < high)]
        name = f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}"
        marks.append(Dots(held[:, 0], held[:, 1], f"{name}: {len(held)}", colour, 4.0, 0.9))
    return marks


def strip(title: str, pictures: Pixels) -> Panel:
    """Return a panel of pairs of pictures (n, 2, H, W, C), the second below the first."""
    count, _, height, width, channels = pictures.shape
    columns = min(count, max(1, SHOWN // 2))
    rows = -(-count // columns)
    step = (2 * height + 2 * GAP, width + GAP)
    canvas = np.full((rows * step[0], columns * step[1], channels), 255, np.uint8)
    for number, (above, below) in enumerate(pictures):
        y, x = number // columns * step[0], number % columns * step[1]
        canvas[y : y + height, x : x + width] = above
        canvas[y + height : y + 2 * height, x : x + width] = below
    pixels = canvas[..., 0] if channels == 1 else canvas[..., :3]
    tall, wide = pixels.shape[:2]
    return Panel(title, [Picture(pixels, 0, wide, 0, tall)], square=True, bare=True)
