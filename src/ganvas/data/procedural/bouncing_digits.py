"""Digits that move evenly and bounce off the borders of a black frame.

The digits are scikit-learn's, 8×8, enlarged to half the frame; 1,400 of them are trained on, the
others are held out. Positions are exact: between pixels, a digit is spread over its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganvas.data.domain import Domain
from ganvas.data.domains.tags import Tags
from ganvas.data.items import Collection
from ganvas.data.packaged import DIGITS, digits8
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
    pick,
)
from ganvas.data.settings import DataSettings

KIND = "videos"
KNOWN = 1400
"""So many of the digits are in clips that are trained on."""
DIRECTIONS = ("right", "down-right", "down", "down-left", "left", "up-left", "up", "up-right")
SLOW, FAST = 0.03, 0.08
"""Shares of the edge that a digit moves from frame to frame."""
SPEEDS = ("slow", "middling", "fast")


class Variant(ClipVariant):
    """What bouncing digits can be told.

    Attributes:
        digits: in a clip.
    """

    digits: Literal[1, 2] = 1


class BouncingDigits(Clips):
    """Bouncing digits as the numbers that they are made of."""

    Variant = Variant
    CHANCES = 10
    SMALLEST = 16
    channels = 1
    variant: Variant

    def __init__(
        self, chances: Floats, variant: Any, frames: int, size: int, split: str = "train"
    ) -> None:
        self.edge = size // 2
        self.images, self.classes = _enlarged(split, self.edge), digit_pool(split)[1]
        super().__init__(chances, variant, frames, size, split)

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return, of each digit of each clip, (n, digits, …): which one, where from, how fast."""
        which, x, y, turn, speed = chances.reshape(-1, 2, 5)[:, : self.variant.digits].transpose(
            2, 0, 1
        )
        digit = pick(which, len(self.images))
        direction = pick(turn, len(DIRECTIONS))
        rate = between(speed, SLOW, FAST) * self.size
        angle = direction * (np.pi / 4)
        room = self.size - self.edge
        return {
            "digit": digit,
            "label": self.classes[digit],
            "start": np.stack([x, y], axis=-1) * room,
            "direction": direction,
            "speed": pick(speed, len(SPEEDS)),
            "velocity": np.stack([np.cos(angle), np.sin(angle)], axis=-1) * rate[..., None],
        }

    def corners(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Floats:
        """Return the corner of each digit at some times, (n, T, digits, 2) in pixels.

        Reflection is a fold: what goes straight on in mirrored copies of the room is folded back.
        """
        room = self.size - self.edge
        start, velocity = (known[name][:, None] for name in ("start", "velocity"))
        straight = start + velocity * times[None, :, None, None]
        return room - np.abs(straight % (2 * room) - room)

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the clips at some times."""
        corner = self.corners(known, times)
        n, count, digits, _ = corner.shape
        frame = np.arange(n * count, dtype=np.int64)[:, None, None]
        canvas = np.zeros((n * count, self.size + 1, self.size + 1), np.float32)
        window = np.arange(self.edge + 1)
        for place in range(digits):
            at = corner[:, :, place].reshape(-1, 2)
            first = np.floor(at).astype(np.int64)
            images = self.images[known["digit"][:, place]].repeat(count, axis=0)
            spread = _moved(images, (at - first).astype(np.float32))
            rows, columns = first[:, 1, None] + window, first[:, 0, None] + window
            index = (frame, rows[:, :, None], columns[:, None, :])
            canvas[index] = np.maximum(canvas[index], spread)
        whole = np.rint(canvas[:, : self.size, : self.size]).astype(np.uint8)
        return whole.reshape(n, count, self.size, self.size, 1)


def collection(settings: DataSettings) -> Collection:
    """Return clips labelled by digit, with fields ``direction`` and ``speed``; of two, by tags.

    Raises:
        UsageError: the settings ask for what the set cannot be.
    """
    asked = variant(settings, Variant)
    alone: dict[str, Domain] = {
        "label": classes(list(DIGITS)),
        "direction": classes(list(DIRECTIONS)),
        "speed": classes(list(SPEEDS)),
    }
    domains = alone if asked.digits == 1 else {"digits": Tags(called=list(DIGITS))}
    return collected("bouncing_digits", settings, asked, BouncingDigits, _fields, domains)


def _fields(made: BouncingDigits) -> dict[str, npt.NDArray[Any]]:
    """Return what goes with each clip."""
    if made.variant.digits == 1:
        return {name: made.factors[name][:, 0] for name in ("label", "direction", "speed")}
    shown = made.factors["label"][:, :, None] == np.arange(len(DIGITS))
    return {"digits": shown.any(axis=1).astype(np.uint8)}


def digit_pool(split: str) -> tuple[Array8, Numbers]:
    """Return the digits (K, 8, 8) of a split and their classes (K,)."""
    items = digits8().splits["train"]
    part = slice(KNOWN) if split == "train" else slice(KNOWN, None)
    return items.x[part, :, :, 0], items["label"][part]


@cache
def _enlarged(split: str, edge: int) -> npt.NDArray[np.float32]:
    """Return the digits of a split enlarged by interpolation, (K, edge, edge)."""
    images = (Image.fromarray(image) for image in digit_pool(split)[0])
    scaled = (image.resize((edge, edge), Image.Resampling.BILINEAR) for image in images)
    return np.stack([np.asarray(image, np.float32) for image in scaled])


def _moved(images: npt.NDArray[np.float32], by: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Return images (n, e, e) moved right and down by fractions (n, 2), (n, e + 1, e + 1)."""
    right, down = by[:, 0, None, None], by[:, 1, None, None]
    wide = np.pad(images, ((0, 0), (0, 0), (1, 1)))
    wide = (1 - right) * wide[:, :, 1:] + right * wide[:, :, :-1]
    high = np.pad(wide, ((0, 0), (1, 1), (0, 0)))
    return (1 - down) * high[:, 1:] + down * high[:, :-1]
