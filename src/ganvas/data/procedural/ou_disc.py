"""A disc whose way is partly chance: an Ornstein–Uhlenbeck process about the middle.

x' = θ (½ − x) + σ w' across and down, drawn exactly from frame to frame. A first frame has as many
futures as one likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ganvas.data.domain import Domain
from ganvas.data.items import Collection
from ganvas.data.procedural import variant
from ganvas.data.procedural._clips import (
    Array8,
    Clips,
    ClipVariant,
    Floats,
    classes,
    collected,
    generators,
    hues,
    pick,
)
from ganvas.data.procedural._raster import Canvas, disc
from ganvas.data.settings import DataSettings

KIND = "videos"
HUES = 6
RADIUS = 0.1


class Variant(ClipVariant):
    """What such discs can be told.

    Attributes:
        rate: θ, by which share of its distance the disc comes back in a frame, about.
        spread: standard deviation of its place in the long run, as a share of the edge.
    """

    rate: float = Field(default=0.08, gt=0)
    spread: float = Field(default=0.14, gt=0)


class OUDisc(Clips):
    """Such discs as the numbers that they are made of."""

    Variant = Variant
    CHANCES = 3
    variant: Variant

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return the hue, and of what chances first places and futures are drawn."""
        hue = pick(chances[:, 0], HUES)
        return {
            "hue": hue,
            "colour": hues(hue / HUES),
            "first": chances[:, 1],
            "future": chances[:, 2],
        }

    def centres(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Floats:
        """Return where discs are, (n, T, 2) across and down as shares of the edge.

        They are held within the frame, where it would be left.
        """
        told = self.variant
        steps = [g.standard_normal((len(times), 2)) for g in generators(known["future"])]
        place = np.stack([g.standard_normal(2) for g in generators(known["first"])])
        places = [place]
        for step in np.stack(steps, axis=1)[1:]:
            kept = np.exp(-told.rate)
            place = kept * place + np.sqrt(1 - kept**2) * step
            places.append(place)
        return np.clip(0.5 + told.spread * np.stack(places, axis=1), RADIUS, 1 - RADIUS)

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the clips at some times, a frame apart."""
        n, count = len(known["hue"]), len(times)
        centre = self.centres(known, times).reshape(-1, 2) * self.size
        radius = np.full(n * count, RADIUS * self.size)
        canvas = Canvas.black(n * count, self.size)
        colour = known["colour"].repeat(count, axis=0)
        canvas.paint(centre, RADIUS * self.size, disc(radius), colour, exact=True)
        return canvas.levels().reshape(n, count, self.size, self.size, 3)

    def futures(self, row: int, count: int) -> Array8:
        """Return so many clips that begin with the frame with which one clip begins."""
        known = self.at(np.full(count, row, np.int64))
        drawn = np.random.Generator(np.random.PCG64([row, count])).random(count)
        return self.render({**known, "future": drawn}, self.times)


def collection(settings: DataSettings) -> Collection:
    """Return clips with the field ``hue``.

    Raises:
        UsageError: the settings ask for what the set cannot be.
    """
    asked = variant(settings, Variant)
    domains: dict[str, Domain] = {"hue": classes([str(cell) for cell in range(HUES)])}
    return collected(
        *("ou_disc", settings, asked, OUDisc),
        lambda made: {"hue": made.factors["hue"]},
        domains,
    )
