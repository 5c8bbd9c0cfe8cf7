"""Figures painted on frames with smooth edges, many frames at a time.

Each figure is looked at within a window around it. Exactly: on a lattice four times as fine as the
pixels, of which a pixel has the share of its 16 points that lie inside. Or quickly: by how far the
middle of a pixel is from the edge. Pixel i reaches from i to i + 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Array8 = npt.NDArray[np.uint8]
Figure = Callable[[Floats, Floats], Floats]
"""Returns how far points are outside of figures, in pixels, negative inside: (n, h, w) of distances
from their middles across (n, 1, w) and down (n, h, 1)."""

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
        figure: Figure,
        colour: Floats,
        of: npt.NDArray[np.int64] | None = None,
        *,
        exact: bool = False,
    ) -> None:
        """Paint a figure on each frame.

        Args:
            centre: (n, 2) across and down, in pixels.
            reach: so far it goes from there at most, in pixels, each way.
            figure: tells its points.
            colour: (n, C), levels.
            of: the frames that it is painted on, each once; None: all.
            exact: look at the lattice, not at the middles of pixels alone.
        """
        frame = np.arange(len(self.pixels), dtype=np.int64) if of is None else of
        corner, share = (_on_lattice if exact else _by_distance)(centre, reach, figure)
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


def _on_lattice(
    centre: Floats, reach: float, figure: Figure
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the first pixel (n, 2) of each figure's window, and shares of pixels (n, w, w)."""
    corner, width, apart = _window(centre, reach, FINE)
    fine = (apart(figure) <= 0).reshape(len(centre), width, FINE, width, FINE)
    return corner, fine.mean(axis=(2, 4), dtype=np.float32)


def _by_distance(
    centre: Floats, reach: float, figure: Figure
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return what `_on_lattice` does, nearly."""
    corner, _, apart = _window(centre, reach + 0.5, 1)
    return corner, np.clip(0.5 - apart(figure), 0, 1)


def _window(
    centre: Floats, reach: float, fine: int
) -> tuple[npt.NDArray[np.int64], int, Callable[[Figure], Floats]]:
    """Return the first pixel of each window, its width, and what looks at its points."""
    width = math.ceil(2 * reach) + 1
    corner = np.floor(centre - reach).astype(np.int64)
    points = (np.arange(width * fine) + 0.5) / fine
    across, down = (((corner - centre)[:, i, None] + points).astype(np.float32) for i in (0, 1))
    return corner, width, lambda figure: figure(across[:, None, :], down[:, :, None])


def disc(radius: Floats) -> Figure:
    """Return discs of these radii (n,), in pixels."""
    edge = radius.astype(np.float32)[:, None, None]
    return lambda across, down: np.sqrt(across * across + down * down) - edge


def square(half: Floats) -> Figure:
    """Return squares of half edges (n,) in pixels."""
    edge = half.astype(np.float32)[:, None, None]
    return lambda across, down: np.maximum(np.abs(across), np.abs(down)) - edge


def ellipse(half: Floats, turn: Floats) -> Figure:
    """Return ellipses with half axes (n, 2) in pixels, turned by (n,) radians."""
    a, b = (half[:, i, None, None].astype(np.float32) for i in (0, 1))
    c, s = (f(turn).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))

    def figure(across: Floats, down: Floats) -> Floats:
        x, y = (across * c + down * s) / a, (down * c - across * s) / b
        return (np.sqrt(x * x + y * y) - 1) * np.minimum(a, b)

    return figure


def rectangle(half: Floats, turn: Floats) -> Figure:
    """Return rectangles of half edges (n, 2) in pixels, turned by (n,) radians."""
    a, b = (half[:, i, None, None].astype(np.float32) for i in (0, 1))
    c, s = (f(turn).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))

    def figure(across: Floats, down: Floats) -> Floats:
        x, y = np.abs(across * c + down * s) - a, np.abs(down * c - across * s) - b
        return np.maximum(x, y)

    return figure


def stadium(half: Floats, radius: Floats, turn: Floats) -> Figure:
    """Return all points within radii (n,) of lines of half lengths (n,), turned by (n,) radians."""
    a, r = (values.astype(np.float32)[:, None, None] for values in (half, radius))
    c, s = (f(turn).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))

    def figure(across: Floats, down: Floats) -> Floats:
        x, y = np.maximum(np.abs(across * c + down * s) - a, 0), down * c - across * s
        return np.sqrt(x * x + y * y) - r

    return figure
