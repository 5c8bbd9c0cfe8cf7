"""Figures painted on frames with smooth edges, many frames at a time.

Each figure is looked at on a lattice four times as fine as the pixels, within a window around it: a
pixel has the share of its 16 points that lie inside. Pixel i reaches from i to i + 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Array8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

FINE = 4
"""Points along a pixel's edge."""


class Canvas:
    """Frames that figures are painted on, one over another.

    Args:
        background: float (n, H, W, C), levels 0 to 255; it is not changed.
    """

    def __init__(self, background: Floats) -> None:
        self.pixels = np.array(background, np.float32)

    @classmethod
    def black(cls, n: int, size: int, channels: int = 3) -> Canvas:
        """Return n black frames."""
        return cls(np.zeros((n, size, size, channels), np.float32))

    def paint(
        self,
        centre: Floats,
        reach: float,
        inside: Callable[[Floats, Floats], Bools],
        colour: Floats,
        of: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Paint a figure on each frame.

        Args:
            centre: (n, 2) across and down, in pixels.
            reach: so far it goes from there at most, in pixels, each way.
            inside: tells from distances across (n, 1, w) and down (n, w, 1) which points it has.
            colour: (n, C), levels.
            of: the frames that it is painted on, each once; None: all.
        """
        frame = np.arange(len(self.pixels), dtype=np.int64) if of is None else of
        corner, share = covered(centre, reach, inside)
        window = np.arange(share.shape[1], dtype=np.int64)
        rows, columns = corner[:, 1, None] + window, corner[:, 0, None] + window
        _, height, width, _ = self.pixels.shape
        seen = ((rows >= 0) & (rows < height))[:, :, None]
        seen = seen & ((columns >= 0) & (columns < width))[:, None, :]
        share = np.where(seen, share, 0)[..., None]
        rows, columns = rows.clip(0, height - 1)[:, :, None], columns.clip(0, width - 1)[:, None, :]
        # Points outside the frame would be written over its border: they are left out.
        place = np.broadcast_arrays(frame[:, None, None], rows, columns)
        at = tuple(index[seen] for index in place)
        share = share[seen]
        painted = np.broadcast_to(colour[:, None, None, :], (*seen.shape, colour.shape[1]))[seen]
        self.pixels[at] += share * (painted - self.pixels[at])

    def levels(self) -> Array8:
        """Return the frames as uint8 (n, H, W, C)."""
        return np.rint(self.pixels).astype(np.uint8)


def covered(
    centre: Floats, reach: float, inside: Callable[[Floats, Floats], Bools]
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the first pixel (n, 2) of each figure's window, and shares of pixels (n, w, w)."""
    width = math.ceil(2 * reach) + 1
    corner = np.floor(centre - reach).astype(np.int64)
    points = (np.arange(width * FINE) + 0.5) / FINE
    across, down = ((corner - centre)[:, i, None] + points for i in (0, 1))
    found = inside(across[:, None, :].astype(np.float32), down[:, :, None].astype(np.float32))
    fine = found.reshape(len(centre), width, FINE, width, FINE)
    return corner, fine.mean(axis=(2, 4), dtype=np.float32)


def disc(radius: Floats) -> Callable[[Floats, Floats], Bools]:
    """Return the inside of discs of these radii (n,), in pixels."""
    square = (radius * radius).astype(np.float32)[:, None, None]
    return lambda across, down: across * across + down * down <= square


def ellipse(half: Floats, turn: Floats) -> Callable[[Floats, Floats], Bools]:
    """Return the inside of ellipses with half axes (n, 2) in pixels, turned by (n,) radians."""
    a, b = (half[:, i, None, None].astype(np.float32) for i in (0, 1))
    c, s = (f(turn).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))

    def inside(across: Floats, down: Floats) -> Bools:
        return ((across * c + down * s) / a) ** 2 + ((down * c - across * s) / b) ** 2 <= 1

    return inside


def rectangle(half: Floats, turn: Floats | None = None) -> Callable[[Floats, Floats], Bools]:
    """Return the inside of rectangles of half edges (n, 2) in pixels, turned by (n,) radians."""
    a, b = (half[:, i, None, None].astype(np.float32) for i in (0, 1))
    if turn is None:
        return lambda across, down: (np.abs(across) <= a) & (np.abs(down) <= b)
    c, s = (f(turn).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))

    def inside(across: Floats, down: Floats) -> Bools:
        return (np.abs(across * c + down * s) <= a) & (np.abs(down * c - across * s) <= b)

    return inside
