"""Pictures of data for people: image grids and scatter plots, drawn with Pillow alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

AnyArray = npt.NDArray[Any]

TILE = 64
"""Small images are enlarged by a whole factor to about this edge."""
GAP = 2
CANVAS = 512
INK = np.array([31, 84, 140], dtype=np.float64)
PAPER = 255.0


def grid(images: AnyArray, *, columns: int | None = None, enlarge: bool = True) -> Image.Image:
    """Return uint8 images (N, H, W, C), C = 1, 3 or 4, as one picture, row by row.

    Args:
        images: at least one image.
        columns: images in a row; None: so many that the picture is about square.
        enlarge: repeat the pixels of small images, so that people see them.
    """
    count, height, width, channels = images.shape
    factor = max(1, round(TILE / max(height, width))) if enlarge else 1
    tiles = images.repeat(factor, axis=1).repeat(factor, axis=2)
    gap = GAP if count > 1 else 0
    if columns is None:
        columns = math.ceil(math.sqrt(count * height / width))
    columns = min(max(columns, 1), count)
    rows = math.ceil(count / columns)
    step_y, step_x = height * factor + gap, width * factor + gap
    canvas = np.full((rows * step_y - gap, columns * step_x - gap, channels), 255, dtype=np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * step_y, i % columns * step_x
        canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)


def scatter(
    points: AnyArray, view: tuple[float, float, float, float] | None, size: int = 2
) -> Image.Image:
    """Return points (N, D), D ≥ 2, as a scatter plot of their first two coordinates.

    Args:
        points: at least one point, in data units; those that are not finite are left out.
        view: (left, bottom, right, top); None: a square around the points.
        size: pixels along the edges of dots.
    """
    plane = np.asarray(points, np.float64)[:, :2]
    plane = plane[np.isfinite(plane).all(axis=1)]
    left, bottom, right, top = view if view is not None else square_view(plane)
    unit = (plane - [left, bottom]) / [right - left, top - bottom]
    across, up = (unit * CANVAS).T
    x, y = np.floor(across).astype(np.int64), np.floor(CANVAS - up).astype(np.int64)
    hits = np.zeros((CANVAS + size, CANVAS + size))  # spare rows and columns take the overhang
    inside = (x >= 0) & (x < CANVAS) & (y >= 0) & (y < CANVAS)
    for dy in range(size):
        for dx in range(size):
            np.add.at(hits, (y[inside] + dy, x[inside] + dx), 1.0)
    # Overlapping dots darken: 40 % ink for one, never quite full.
    return _inked(1 - 0.6 ** hits[:CANVAS, :CANVAS])


def histogram(points: AnyArray) -> Image.Image:
    """Return points (N, 1) as a histogram of 64 bars between their extremes."""
    values = np.asarray(points, np.float64).ravel()
    counts, _ = np.histogram(values[np.isfinite(values)], bins=64)
    heights = np.rint(counts / max(counts.max(), 1) * CANVAS * 0.95)
    filled = CANVAS - np.arange(CANVAS)[:, None] <= heights
    return _inked(filled.repeat(CANVAS // 64, axis=1).astype(np.float64))


def _inked(ink: AnyArray) -> Image.Image:
    """Return a picture of ink shares (height, width) in [0, 1] on paper."""
    share = ink[..., None]
    return Image.fromarray(np.rint(share * INK + (1 - share) * PAPER).astype(np.uint8))


def square_view(points: AnyArray) -> tuple[float, float, float, float]:
    """Return a square (left, bottom, right, top) around the middle 99.8 % of points (N, D)."""
    plane = points[:, :2]
    if len(plane) == 0:
        return (-1.0, -1.0, 1.0, 1.0)
    low, high = np.quantile(plane, [0.001, 0.999], axis=0)
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2 * 1.15, 1e-6)
    (x, y) = middle.tolist()
    return (x - half, y - half, x + half, y + half)
