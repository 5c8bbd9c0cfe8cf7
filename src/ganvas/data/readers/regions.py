"""Where objects lie in pictures: boxes in a table, or a mask for each picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.data.readers.utf8 import decoded
from ganvas.errors import UsageError
from ganvas.files import disk_errors

HEADER = ("sample", "x0", "y0", "x1", "y1")
MOST = 100_000
"""Pictures at most."""

Bools = npt.NDArray[np.bool_]


class Region(NamedTuple):
    """Where an object lies.

    Attributes:
        sample: number of the picture.
        mask: which of its pixels, (H, W).
    """

    sample: int
    mask: Bools


def read_boxes(path: Path, size: tuple[int, int]) -> list[Region]:
    """Return boxes from a table with the header ``sample,x0,y0,x1,y1``, in pixels.

    A pixel is in a box if its middle is: x1 and y1 are the first pixels outside.

    Args:
        path: of the .csv file.
        size: height and width of the pictures.

    Raises:
        UsageError: the table is damaged, or a box reaches outside of the picture.
    """
    with disk_errors(path):
        content = path.read_bytes()
    try:
        lines = list(csv.reader(io.StringIO(decoded(path, content)), strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} cannot be read as a table: {error}") from None
    if not lines or tuple(cell.strip().lower() for cell in lines[0]) != HEADER:
        found = ",".join(lines[0])[:80] if lines else ""
        raise UsageError(f"{path} must begin with '{','.join(HEADER)}'; it begins with '{found}'")
    return list(_boxes(path, lines[1:], size))


def _boxes(path: Path, lines: list[list[str]], size: tuple[int, int]) -> Iterator[Region]:
    height, width = size
    for number, cells in enumerate(lines, 2):
        where = f"{path}, line {number}"
        if not any(cell.strip() for cell in cells):
            continue
        try:
            name, *sides = cells
            sample, (x0, y0, x1, y1) = int(name), map(float, sides)
        except ValueError:
            raise UsageError(
                f"{where}: expected five numbers, {', '.join(HEADER)}, found '{','.join(cells)}'"
            ) from None
        if not 0 <= sample < MOST:
            raise UsageError(f"{where}: samples are numbered from 0 to {MOST - 1:,}, not {sample}")
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise UsageError(
                f"{where}: the box from {x0:g},{y0:g} to {x1:g},{y1:g} lies outside of the picture "
                f"or holds nothing: expected 0 <= x0 < x1 <= {width} and 0 <= y0 < y1 <= {height}"
            )
        down, across = np.arange(height) + 0.5, np.arange(width) + 0.5
        rows, columns = (y0 <= down) & (down < y1), (x0 <= across) & (across < x1)
        yield Region(sample, rows[:, None] & columns[None])


def read_masks(array: npt.NDArray[Any], size: tuple[int, int], where: str) -> list[Region]:
    """Return the masks (N, H, W) or (N, H, W, C) of as many pictures: not 0 is the object.

    Raises:
        UsageError: they are no masks of this size, or all are empty.
    """
    if array.ndim not in (3, 4) or array.shape[1:3] != size:
        raise UsageError(
            f"{where}: expected masks of shape (n, {size[0]}, {size[1]}), got {array.shape}"
        )
    masks = (array.reshape(*array.shape[:3], -1) != 0).any(axis=3)
    regions = [Region(i, mask) for i, mask in enumerate(masks) if mask.any()]
    if not regions:
        raise UsageError(f"{where}: no mask marks anything")
    return regions
