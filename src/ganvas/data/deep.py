"""Images with more than 8 bits a channel, which Pillow would cut to their upper 8 or to white."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

Levels = npt.NDArray[np.float32]
DEPTHS = (8, 10, 12, 14, 16, 24, 32)
"""Bits that cameras and file formats have."""
SWAPPED = {"16B": "16L", "16L": "16B"}


def is_deep(image: Image.Image) -> bool:
    """Tell whether a file that has just been opened stores more than 8 bits a channel."""
    return image.mode.startswith(("I", "F")) or _raw_mode(image) is not None


def levels(image: Image.Image) -> Levels:
    """Return the numbers of a deep image, float32 (height, width, channels), as they are stored.

    Of colour images with 16 bits Pillow keeps the upper 8. The lower 8 are those of the file read
    with its bytes swapped, or read as bytes.
    """
    raw = _raw_mode(image)
    if raw is None:
        values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        return values[..., None]
    stream: BinaryIO = getattr(image, "fp")  # noqa: B009 - only images of files have it
    upper = np.asarray(image, np.float32)
    stream.seek(0)
    with Image.open(stream, formats=[str(image.format)]) as other:
        other.tile = [_swapped(tile) for tile in other.tile]
        lower = np.asarray(other, np.float32)
    if raw.startswith("LA"):
        return upper[..., [0, 3]] * 256 + lower[..., [1, 3]]
    return upper * 256 + lower


def largest(values: Levels) -> float:
    """Return the largest number of a colour, of (height, width, channels)."""
    return float(values[..., : 1 if values.shape[2] < 3 else 3].max(initial=0.0))


def top(largest: float, whole: bool) -> float:
    """Return the number that stands for white, of a set whose largest number is this.

    For whole numbers that of the fewest bits that hold them: 4,095 for a camera's 12 bits in a file
    of 16. Fractions end at 1, or else count as whole numbers do.
    """
    if not whole and largest <= 1:
        return 1.0
    bits = next((bits for bits in DEPTHS if largest <= 2**bits - 1), DEPTHS[-1])
    return float(2**bits - 1)


def shallow(values: Levels, top: float) -> Image.Image:
    """Return numbers from 0 to ``top`` as an image of 8 bits."""
    scaled = np.rint(values.astype(np.float64) * (255 / top)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(scaled[:, :, 0] if scaled.shape[2] == 1 else scaled)


def _raw_mode(image: Image.Image) -> str | None:
    """Return how a colour file of 16 bits stores them, such as ``RGB;16B``; else None."""
    tiles: Any = getattr(image, "tile", ())
    for tile in tiles:
        raw = tile[3] if isinstance(tile[3], str) else tile[3][0] if tile[3] else ""
        if isinstance(raw, str) and raw[-3:] in SWAPPED and not image.mode.startswith("I"):
            return raw
    return None


def _swapped(tile: Any) -> Any:
    codec, extents, offset, arguments = tile

    def swap(raw: str) -> str:
        # Pillow swaps no bytes of grey with alpha, but its four bytes are as many as those of RGBA.
        return "RGBA" if raw.startswith("LA") else raw[:-3] + SWAPPED[raw[-3:]]

    changed = (
        swap(arguments) if isinstance(arguments, str) else (swap(arguments[0]), *arguments[1:])
    )
    made = (codec, extents, offset, changed)
    return type(tile)(*made) if hasattr(tile, "_fields") else made
