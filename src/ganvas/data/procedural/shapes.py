"""Moving shapes: MoCoGAN's data set (Tulyakov et al. 2018), clip by clip with what is in it.

One disc or square of one colour on black goes from one border to the opposite one along a cubic
Bézier curve, whose ends lie anywhere on these borders and whose inner control points anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ganvas.data.items import Collection
from ganvas.data.procedural import variant
from ganvas.data.procedural._clips import (
    Array8,
    Clips,
    ClipVariant,
    Floats,
    between,
    classes,
    collected,
    hue_of,
    hues,
    pick,
)
from ganvas.data.procedural._raster import Canvas, disc, square
from ganvas.data.settings import DataSettings

KIND = "videos"
DIRECTIONS = ("up", "left", "down", "right")
SHAPES = ("disc", "square")
CELLS = 8
"""Of hues, where colours are free."""
LOW, HIGH, BRIGHT = 50, 230, 120
"""Levels of colours lie between the first two; one channel has the third or more."""
TRIES = 8
"""Colours that are drawn until one is bright: all are dark once in 10¹⁰ times."""


class Variant(ClipVariant):
    """What moving shapes can be told.

    Attributes:
        directions: 2: up and left, as in the paper; 4: down and right as well.
        hues: so many saturated colours; None: any colour, of which the hue is known in 8 cells.
        consecutive: the first frames of clips twice as long, where others are every second frame.
    """

    directions: Literal[2, 4] = 2
    hues: int | None = Field(default=None, ge=1)
    consecutive: bool = False

    @property
    def cells(self) -> int:
        """How many hues are told apart."""
        return self.hues or CELLS


class Shapes(Clips):
    """Moving shapes as the numbers that they are made of."""

    Variant = Variant
    CHANCES = 3 + 3 * TRIES + 6
    variant: Variant

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return shape, colour, hue, radius (shares of the edge), direction and curve (n, 4, 2)."""
        shape, turn, radius = chances[:, :3].T
        if self.variant.hues:
            hue = pick(chances[:, 3], self.variant.hues)
            colour = hues(hue / self.variant.hues, between(chances[:, 4], 200, HIGH), LOW)
        else:
            tried = between(chances[:, 3 : 3 + 3 * TRIES].reshape(-1, TRIES, 3), LOW, HIGH)
            first = (tried.max(axis=2) >= BRIGHT).argmax(axis=1)
            colour = tried[np.arange(len(tried)), first]
            hue = pick(hue_of(colour), CELLS)
        direction = pick(turn, self.variant.directions)
        return {
            "shape": pick(shape, 2),
            "hue": hue,
            "colour": colour,
            "radius": between(radius, 0.07, 0.14),
            "label": direction,
            "curve": _curve(chances[:, -6:], direction),
        }

    def centres(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Floats:
        """Return where shapes are, (n, T, 2) across and down as shares of the edge."""
        step = 1 if self.variant.consecutive else 2
        u = (step * times / (2 * self.frames - 1))[None, :, None]
        a, b, c, d = (known["curve"][:, None, i] for i in range(4))
        v = 1 - u
        place = v**3 * a + 3 * v**2 * u * b + 3 * v * u**2 * c + u**3 * d
        radius = known["radius"][:, None, None]
        return radius + place * (1 - 2 * radius)

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the clips at some times."""
        n, count = len(known["shape"]), len(times)
        centre = self.centres(known, times).reshape(-1, 2) * self.size
        radius = known["radius"].repeat(count) * self.size
        colour, kind = known["colour"].repeat(count, axis=0), known["shape"].repeat(count)
        canvas = Canvas.black(n * count, self.size)
        for shape, figure in enumerate((disc, square)):
            of = np.flatnonzero(kind == shape)
            if len(of):
                reach = float(radius[of].max())
                canvas.paint(centre[of], reach, figure(radius[of]), colour[of], of, exact=True)
        return canvas.levels().reshape(n, count, self.size, self.size, 3)


def collection(settings: DataSettings) -> Collection:
    """Return clips labelled by direction, with fields ``shape`` and ``hue``.

    Raises:
        UsageError: the settings ask for what the set cannot be.
    """
    asked = variant(settings, Variant)
    domains = {
        "label": classes(list(DIRECTIONS[: asked.directions])),
        "shape": classes(list(SHAPES)),
        "hue": classes([str(cell) for cell in range(asked.cells)]),
    }
    return collected(
        *("shapes", settings, asked, Shapes),
        lambda made: {name: made.factors[name] for name in domains},
        domains,
    )


def _curve(chances: Floats, direction: npt.NDArray[np.int64]) -> Floats:
    """Return the control points (n, 4, 2) of curves from border to border in [0, 1]²."""
    points = np.empty((len(chances), 4, 2))
    points[:, 1:3] = chances[:, :4].reshape(-1, 2, 2)
    rows = np.arange(len(chances))
    along = np.where(direction % 2 == 0, 1, 0)  # the axis in which it moves: down, or across
    for end, value in ((0, 1.0), (3, 0.0)):
        points[rows, end, 1 - along] = chances[:, 4 + (end > 0)]
        points[rows, end, along] = np.where(direction < 2, value, 1 - value)
    return points
