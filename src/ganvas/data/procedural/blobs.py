"""Blobs before a texture that stands still: VGAN's assumption, with the truth about it.

The background of a clip is smooth noise, periodic and frozen in time. One or two ellipses move
before it, each in its own colour, evenly and bouncing off the borders. The field ``mask`` says
where they are. With ``camera_shift`` everything moves, as behind a camera that pans: then the
assumption is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ganvas.data.domain import Domain
from ganvas.data.domains.videos import Videos
from ganvas.data.items import Collection
from ganvas.data.procedural import variant
from ganvas.data.procedural._clips import (
    Array8,
    Clips,
    ClipVariant,
    Floats,
    Numbers,
    between,
    classes,
    collected,
    form,
    generators,
    hues,
    pick,
    shown,
)
from ganvas.data.procedural._raster import Canvas, ellipse
from ganvas.data.settings import DataSettings

KIND = "videos"
MOST = 2
SMOOTH = 1 / 8
"""Standard deviation of the filter of the background, as a share of the edge."""
MIDDLE, SPREAD = 110.0, 40.0
"""Mean level of a background, and the standard deviation around it."""


class Variant(ClipVariant):
    """What blobs can be told.

    Attributes:
        camera_shift: how far the camera pans from frame to frame, at most, as a share of the edge.
    """

    camera_shift: float = Field(default=0.0, ge=0, le=0.5)


class Blobs(Clips):
    """Clips of blobs as the numbers that they are made of."""

    Variant = Variant
    CHANCES = 4 + 8 * MOST
    variant: Variant

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return how many blobs there are and, of each, (n, blobs, …), its form and its way."""
        count, texture, pan_x, pan_y = chances[:, :4].T
        x, y, long, thin, turn, hue, speed, way = (
            chances[:, 4:].reshape(-1, MOST, 8).transpose(2, 0, 1)
        )
        half = between(long, 0.1, 0.18)
        angle = 2 * np.pi * way
        rate = between(speed, 0.015, 0.04)
        return {
            "count": 1 + pick(count, MOST),
            "texture": texture,
            "pan": np.stack([pan_x, pan_y], axis=1) * 2 - 1,
            "half": np.stack([half, half * between(thin, 0.5, 1)], axis=-1),
            "turn": np.pi * turn,
            "start": np.stack([x, y], axis=-1),
            "velocity": np.stack([np.cos(angle), np.sin(angle)], axis=-1) * rate[..., None],
            "colour": hues(hue.ravel()).reshape(*hue.shape, 3),
        }

    def shift(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Floats:
        """Return how far the camera's picture has moved, (n, T, 2) as shares of the edge."""
        return known["pan"][:, None] * self.variant.camera_shift * times[None, :, None]

    def centres(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Floats:
        """Return where blobs are, (n, T, blobs, 2) across and down as shares of the edge."""
        room = 1 - 2 * known["half"].max(axis=2)[:, None, :, None]
        start, velocity = (known[name][:, None] for name in ("start", "velocity"))
        straight = start * room + velocity * times[None, :, None, None]
        inside = room - np.abs(straight % (2 * room) - room)
        return (1 - room) / 2 + inside + self.shift(known, times)[:, :, None]

    def backgrounds(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Floats:
        """Return the textures behind blobs, (n, T, H, W, 3), levels."""
        if not self.variant.camera_shift and len(times) > 1:
            return self.backgrounds(known, times[:1]).repeat(len(times), axis=1)
        size = self.size
        noise = np.stack([g.standard_normal((size, size, 3)) for g in generators(known["texture"])])
        across, down = np.fft.fftfreq(size)[None, :], np.fft.fftfreq(size)[:, None]
        filtered = np.exp(-2 * (np.pi * SMOOTH * size) ** 2 * (across**2 + down**2))
        waves = np.fft.fft2(noise, axes=(1, 2)) * filtered[..., None]
        waves[:, 0, 0] = 0
        scale = np.sqrt((np.abs(waves) ** 2).sum(axis=(1, 2), keepdims=True)) / size**2
        moved = self.shift(known, times) * size
        turns = across * moved[..., 0, None, None] + down * moved[..., 1, None, None]
        phase = np.exp(-2j * np.pi * turns)[..., None]
        smooth = np.fft.ifft2((waves / scale)[:, None] * phase, axes=(2, 3)).real
        return np.clip(MIDDLE + SPREAD * smooth, 0, 255)

    def paint(self, canvas: Canvas, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return a canvas with the blobs on it, in their colours, or white on one channel."""
        n, count = len(known["count"]), len(times)
        centre = self.centres(known, times) * self.size
        for blob in range(MOST):
            of = np.flatnonzero((known["count"] > blob).repeat(count))
            half = (known["half"][:, blob] * self.size).repeat(count, axis=0)[of]
            turn = known["turn"][:, blob].repeat(count)[of]
            colour = known["colour"][:, blob].repeat(count, axis=0)[of]
            if canvas.pixels.shape[-1] == 1:
                colour = np.full((len(of), 1), 255.0)
            if len(of):
                at = centre[:, :, blob].reshape(-1, 2)[of]
                canvas.paint(at, float(half.max()), ellipse(half, turn), colour, of)
        return canvas.levels().reshape(n, count, self.size, self.size, -1)

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the clips at some times."""
        behind = self.backgrounds(known, times)
        return self.paint(Canvas(behind.reshape(-1, *behind.shape[2:])), known, times)

    def masks(self, rows: Numbers | None = None) -> Array8:
        """Return where blobs are in some clips, or all: uint8 (n, T, H, W, 1), 255 inside."""

        def make(some: Numbers) -> Array8:
            canvas = Canvas.black(len(some) * self.frames, self.size, 1)
            return self.paint(canvas, self.at(some), self.times)

        return self.made(rows, make)


def collection(settings: DataSettings) -> Collection:
    """Return clips with the field ``mask``, and ``count``, how many blobs there are.

    Raises:
        UsageError: the settings ask for what the set cannot be.
    """
    asked = variant(settings, Variant)
    frames, size = form("blobs", settings, Blobs.SMALLEST)
    domains: dict[str, Domain] = {
        "mask": Videos(channels=1, frames=frames, height=size, width=size),
        "count": classes([str(1 + k) for k in range(MOST)]),
    }

    def fields(made: Blobs) -> dict[str, Any]:
        mask = shown("masks of blobs", made, settings, made.masks, 1)
        return {"mask": mask, "count": made.factors["count"] - 1}

    return collected("blobs", settings, asked, Blobs, fields, domains)
