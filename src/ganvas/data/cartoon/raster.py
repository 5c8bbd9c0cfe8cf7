"""Filled polygons as shares of pixels that they cover, for many pictures at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

LINES = 4
"""Scan lines in a row of pixels; along a line shares are exact."""


def coverage(corners: Float, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return how much of each pixel polygons cover, (N, height, width) in [0, 1].

    A point is inside where the outline goes round it, however often and whichever way.

    Args:
        corners: (N, V, 2), across and down in pixels, of one closed polygon for each picture; 0 is
            the outer edge of the first pixel.
        height: of the pictures.
        width: likewise.
    """
    n = len(corners)
    x0, y0 = corners[:, :, 0], corners[:, :, 1]
    x1, y1 = np.roll(x0, -1, axis=1), np.roll(y0, -1, axis=1)
    rows = (np.arange(height * LINES) + 0.5) / LINES
    above, below = y0[:, :, None] <= rows, y1[:, :, None] <= rows
    item, edge, line = np.nonzero(above != below)
    start, end = y0[item, edge], y1[item, edge]
    along = (rows[line] - start) / (end - start)
    x = x0[item, edge] + along * (x1[item, edge] - x0[item, edge])
    x = np.clip(x, 0, width)
    column = np.floor(x).astype(np.int64)
    way = np.where(end > start, 1.0, -1.0)
    part = x - column
    # Each crossing is a step of the winding number; running sums along the row make areas of them.
    at = (item * height + line // LINES) * (width + 2) + column
    size = n * height * (width + 2)
    steps = np.bincount(at, way * (1 - part), size) + np.bincount(at + 1, way * part, size)
    winding = steps.reshape(n, height, width + 2).cumsum(axis=2)[:, :, :width] / LINES
    return np.minimum(np.abs(winding), 1).astype(np.float32)


def ribbon(points: Float, breadth: Float) -> Float:
    """Return the outline (N, 2·P, 2) of lines through points (N, P, 2), as broad as (N,) tells."""
    ways = np.diff(points, axis=1)
    ways = np.concatenate([ways[:, :1], ways[:, :-1] + ways[:, 1:], ways[:, -1:]], axis=1)
    lengths = np.maximum(np.hypot(ways[..., 0], ways[..., 1]), 1e-9)
    aside = np.stack([-ways[..., 1], ways[..., 0]], axis=-1) / lengths[..., None]
    half = aside * breadth[:, None, None] / 2
    return np.concatenate([points + half, (points - half)[:, ::-1]], axis=1)
