"""Affine digits: each turned by whole degrees and pasted somewhere on a larger black canvas.

The data set "affine-MNIST" of memoryGAN (Kim, Kim & Kim 2018), which its code makes anew for every
batch. Here digits are turned by bilinear interpolation, where that code fits splines whose
overshoot wraps around in 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.domains.images import Images
from ganvas.data.items import Collection, Items
from ganvas.data.laws import REFERENCE_SEED
from ganvas.data.records import LABEL, MAIN
from ganvas.data.settings import AffineSettings
from ganvas.data.source import REFERENCE, REFERENCE_SIZE, ArraySource, Rows, Source, Table
from ganvas.data.spec import spec_of
from ganvas.errors import UsageError
from ganvas.slices import slices

CHUNK: Final = 1000
"""Items of a finite split that are turned at a time."""


class AffineSource(Source):
    """Digits under fresh turns and shifts each time they are shown.

    Training goes through shuffled epochs of the digits, without end as no picture comes twice. The
    splits "reference" and "test" are fixed: 10,000 draws of training digits, and every held-out
    digit once, both with seed 424242.

    Raises:
        UsageError: the digits do not fit on the canvas, or a shift would push them off it.
    """

    def __init__(self, name: str, digits: Collection, settings: AffineSettings) -> None:
        self._digits = ArraySource(digits)
        self._canvas, self._degrees = settings.canvas, settings.degrees
        _, height, width, channels = digits.splits["train"].x.shape
        room = self._canvas - max(height, width)
        self._shift = room if settings.shift is None else settings.shift
        if not 0 <= self._shift <= room:
            raise UsageError(
                f"digits of {height}x{width} moved by up to {max(self._shift, 0)} do not fit on "
                f"data.affine.canvas={self._canvas}: it must be at least "
                f"{max(height, width) + max(self._shift, 0)}."
            )
        self.splits = ("train", REFERENCE, *(("test",) if "test" in digits.splits else ()))
        self.spec = spec_of(
            name,
            Images(channels=channels, height=self._canvas, width=self._canvas),
            classes=len(digits.class_names),
            class_names=list(digits.class_names),
            size=self._digits.spec.size,
        )

    def content(self) -> Mapping[str, Items]:
        """Return the digits as they are before they are turned."""
        return self._digits.content()

    def items(self, split: str) -> Items:
        """Return the fixed pictures of split "reference" or "test"."""
        self._require(split, finite=False)
        rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        pool = self._digits.items("test" if split == "test" else "train")
        if split == REFERENCE:
            pool = pool.rows(rng.integers(len(pool), size=REFERENCE_SIZE))
        places, digits = self._places(rng, len(pool)), self._digits.spec.domain.stage(pool.x)
        domain = self.spec.domain
        pictures = [
            domain.normalise(self._pasted(digits[p], places[p])) for p in slices(len(pool), CHUNK)
        ]
        return Items(domain.decode(torch.cat(pictures)), pool.get(LABEL))

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return one epoch of digits in random order: the number and the place (N, 3) of each."""
        (index,) = self._digits.draw(rng)
        return index, self._places(rng, len(index))

    def table(self, device: torch.device) -> Table:
        """Return all training digits on ``device``, and their labels if there are some."""
        return self._digits.table(device)

    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the digits of the rows at their places."""
        index, places = rows
        digits = self._digits.take(table, (index,))
        return Batch(self._pasted(digits[MAIN], places), digits.get(LABEL))

    def _places(self, rng: np.random.Generator, count: int) -> Tensor:
        """Return degrees, rows from the top and columns from the left, (count, 3) int64."""
        degrees = rng.integers(-self._degrees, self._degrees, size=(count, 1), endpoint=True)
        corner = rng.integers(self._shift, size=(count, 2), endpoint=True)
        return torch.from_numpy(np.concatenate([degrees, corner], axis=1))

    def _pasted(self, digits: Tensor, places: Tensor) -> Tensor:
        """Return uint8 digits (N, C, h, w) on the canvas, as float32 levels."""
        pictures = paste(turn(digits.float(), places[:, 0]), places[:, 1:], self._canvas)
        return pictures.round_()  # whole levels, as in every image file


def turn(images: Tensor, degrees: Tensor) -> Tensor:
    """Return images (N, C, H, W) turned anticlockwise about their centres by (N,) degrees.

    Bilinear; black flows in from outside, and what leaves the frame is lost.
    """
    _, _, height, width = images.shape
    angle = degrees.to(images.dtype) * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # Each pixel asks where it came from, in units in which either half edge is 1.
    across = torch.stack([cos, -sin * (height / width), zero], 1)
    down = torch.stack([sin * (width / height), cos, zero], 1)
    grid = F.affine_grid(torch.stack([across, down], 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def paste(images: Tensor, corner: Tensor, canvas: int) -> Tensor:
    """Return square black pictures (N, C, canvas, canvas) with an image at each corner (N, 2)."""
    _, _, height, width = images.shape
    room = (canvas - height, canvas - width)
    padded = F.pad(images, (room[1], room[1], room[0], room[0]))
    # A window onto the padded image that starts further up shows the image further down.
    at = torch.arange(canvas, device=images.device)
    rows = (room[0] - corner[:, :1] + at)[:, None, :, None]
    columns = (room[1] - corner[:, 1:] + at)[:, None, None, :]
    n, channels, *_ = images.shape
    item = torch.arange(n, device=images.device)[:, None, None, None]
    return padded[item, torch.arange(channels, device=images.device)[:, None, None], rows, columns]
