"""The page of a checkerboard: numbers, pictures, mean spectra, and what to change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganvas.report import html
from ganvas.report.axes import number
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Picture

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SHOWN = 16
"""Pictures in a grid, at most."""
DECADES = 4.0
"""Of a spectrum that are shown, from its largest power down."""


@dataclass(frozen=True)
class Looked:
    """What is drawn of some images.

    Attributes:
        name: what they are.
        pictures: uint8 (N, H, W, C), a few of them.
        power: their mean power spectrum (H, W), in the order of the Fourier transform.
        phases: means by phase (s, s) of the longest period, over all images.
    """

    name: str
    pictures: Pixels
    power: Floats
    phases: Floats


def drawn(title: str, looked: Sequence[Looked]) -> str:
    """Return a figure with a row for each set of images: pictures, spectrum, phases."""
    panels = [panel for one in looked for panel in _row(one)]
    return figure(title, panels)


def _row(one: Looked) -> list[Panel]:
    return [
        Panel(one.name, [_picture(grid(one.pictures))], bare=True, square=True),
        Panel("mean power spectrum, log", [_picture(shade(one.power))], bare=True, square=True),
        Panel("means of the phases", [_picture(stretched(one.phases))], bare=True, square=True),
    ]


def maps(title: str, named: Mapping[str, Floats]) -> str:
    """Return a figure of maps (H, W), each from its smallest to its largest value."""
    panels = [
        Panel(name, [_picture(stretched(map))], bare=True, square=True)
        for name, map in named.items()
    ]
    return figure(title, panels)


def grid(pictures: Pixels) -> Pixels:
    """Return up to 16 pictures as one, (rows · H, columns · W, 3)."""
    shown = pictures[:SHOWN, ..., :3]
    side = max(1, math.isqrt(len(shown)))
    shown = np.broadcast_to(shown, (*shown.shape[:3], 3))[: side * side]
    return np.concatenate([np.concatenate(list(row), 1) for row in np.split(shown, side)], 0)


def shade(power: Floats) -> Pixels:
    """Return a spectrum as a picture, zero frequency in the middle, four decades deep."""
    level = np.log10(np.maximum(np.fft.fftshift(power), 1e-300))
    top = level.max()
    return (255 * np.clip((level - top + DECADES) / DECADES, 0, 1)).astype(np.uint8)


def stretched(map: Floats) -> Pixels:
    """Return a map as a grey picture, from its smallest to its largest value."""
    low, high = float(map.min()), float(map.max())
    # What is rounding only is no pattern.
    span = max(high - low, 1e-6 * max(abs(low), abs(high)), 1e-12)
    return (255 * (map - low) / span).astype(np.uint8)


def _picture(pixels: Pixels) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(pixels, 0, width, 0, height)


def page(
    title: str,
    verdict: Sequence[str],
    measured: Mapping[str, Mapping[int, Sequence[float]]],
    layers: Sequence[Sequence[str]],
    remedies: Sequence[tuple[str, str]],
    figures: Sequence[str],
) -> str:
    """Return the page as HTML text.

    Args:
        title: whose images are looked at.
        verdict: sentences, the first of them the verdict.
        measured: V, E and R of each period, by what was measured.
        layers: name, kind, and what it makes of a constant, of each layer that enlarges.
        remedies: why, and the command.
        figures: drawn already.
    """
    periods = sorted({period for found in measured.values() for period in found})
    head = ["images", *(f"{sign}{period}" for period in periods for sign in "VER")]
    rows = [
        [name, *(number(value) for period in periods for value in found.get(period, ()))]
        for name, found in measured.items()
    ]
    return html.page(
        "checkerboard.html",
        title,
        name=title,
        verdict=list(verdict),
        head=head,
        rows=rows,
        layers=[list(row) for row in layers],
        remedies=list(remedies),
        figures=list(figures),
    )
