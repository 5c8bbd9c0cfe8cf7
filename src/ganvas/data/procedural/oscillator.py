"""A disc that swings: its place is known at any time, not at those of frames alone.

Across and down it swings about its centre each in its own time (a Lissajous figure):
c + A cos(ω t + φ), with t in frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ganvas.data.domain import Domain
from ganvas.data.domains.vector import Vector
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
    hues,
    pick,
)
from ganvas.data.procedural._raster import Canvas, disc
from ganvas.data.settings import DataSettings

KIND = "videos"
HUES = 6
RADIUS = 0.1
"""Of the disc, as a share of the edge."""
NUMBERS = ("centre", "amplitude", "frequency", "phase")


class Variant(ClipVariant):
    """What swinging discs can be told.

    Attributes:
        step: time from frame to frame; of half a frame, a clip has the same frames and those
            between.
    """

    step: float = Field(default=1.0, gt=0)


class Oscillator(Clips):
    """Swinging discs as the numbers that they are made of."""

    Variant = Variant
    CHANCES = 9
    variant: Variant

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return centre, amplitude, frequency and phase, (n, 2) each, and the hue."""
        across, down = (chances[:, 0:8].reshape(-1, 4, 2)[:, :, i] for i in (0, 1))
        both = np.stack([across, down], axis=-1)
        amplitude = between(both[:, 1], 0.12, 0.3)
        room = 0.5 - RADIUS - amplitude
        hue = pick(chances[:, 8], HUES)
        return {
            "amplitude": amplitude,
            "centre": 0.5 + between(both[:, 0], -1, 1) * room,
            "frequency": between(both[:, 2], 2 * np.pi / 24, 2 * np.pi / 8),
            "phase": between(both[:, 3], 0, 2 * np.pi),
            "hue": hue,
            "colour": hues(hue / HUES),
        }

    @property
    def times(self) -> Floats:
        """When the frames are seen."""
        return super().times * self.variant.step

    def centres(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Floats:
        """Return where discs are at some times, (n, T, 2) across and down as shares of the edge."""
        c, a, w, phase = (known[name][:, None] for name in NUMBERS)
        return c + a * np.cos(w * times[None, :, None] + phase)

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the discs at any times, in frames."""
        n, count = len(known["hue"]), len(times)
        centre = self.centres(known, times).reshape(-1, 2) * self.size
        radius = np.full(n * count, RADIUS * self.size)
        canvas = Canvas.black(n * count, self.size)
        colour = known["colour"].repeat(count, axis=0)
        canvas.paint(centre, RADIUS * self.size, disc(radius), colour, exact=True)
        return canvas.levels().reshape(n, count, self.size, self.size, 3)


def collection(settings: DataSettings) -> Collection:
    """Return clips with fields ``hue``, ``centre``, ``amplitude``, ``frequency`` and ``phase``.

    Raises:
        UsageError: the settings ask for what the set cannot be.
    """
    asked = variant(settings, Variant)
    some = Oscillator.draw(1000).factors
    domains: dict[str, Domain] = {"hue": classes([str(cell) for cell in range(HUES)])}
    for name in NUMBERS:
        domains[name] = Vector.around(some[name], [f"{name}_{axis}" for axis in "xy"])
    return collected(
        *("oscillator", settings, asked, Oscillator),
        lambda made: {name: made.factors[name] for name in domains},
        domains,
    )
