"""What a feature extractor is, how images reach it, and how a whole set is passed through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganvas.errors import UsageError
from ganvas.slices import slices

Images = NDArray[np.uint8]
"""Images in data units, (N, H, W, C) uint8."""
Rows = NDArray[np.int64]


class Look(NamedTuple):
    """What an extractor makes of some images: features (N, F), and class probabilities (N, K)."""

    features: Tensor
    probabilities: Tensor | None = None


class Extractor(Protocol):
    """A frozen map from images to feature vectors.

    ``name`` and ``weights`` enter the protocol of every score; a name belongs to one network only.
    """

    @property
    def name(self) -> str:
        """The network's own name."""
        ...

    @property
    def weights(self) -> str:
        """SHA-256 of the weights, or "none" for a map without weights."""
        ...

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return how images of this size are brought to the network's size, in words.

        Raises:
            UsageError: the network cannot take such images; the message names one that can.
        """
        ...

    def look(self, images: Tensor) -> Look:
        """Return features, and probabilities if the network classifies, of a batch.

        Args:
            images: (N, C, H, W) float32 in [0, 1].
        """
        ...


def extract(
    extractor: Extractor,
    images: Images,
    *,
    rows: Rows | None = None,
    batch: int = 250,
    device: str | torch.device = "cpu",
) -> Look:
    """Pass uint8 images (N, H, W, C) through the extractor in batches; results are on the CPU.

    Args:
        extractor: makes the features.
        images: an array, or what can be indexed like one.
        rows: which of them, in that order; None: all. They are taken out batch by batch.
        batch: images passed through at once.
        device: on which the extractor's networks lie.

    Raises:
        UsageError: images of another type or shape, or of a size that the extractor cannot take.
    """
    looks = list(look_through(extractor, images, rows=rows, batch=batch, device=device))
    probabilities = [look.probabilities for look in looks if look.probabilities is not None]
    return Look(
        torch.cat([look.features for look in looks]),
        torch.cat(probabilities) if probabilities else None,
    )


@torch.no_grad()
def look_through(
    extractor: Extractor,
    images: Images,
    *,
    rows: Rows | None = None,
    batch: int = 250,
    device: str | torch.device = "cpu",
) -> Iterator[Look]:
    """Yield what `extract` returns, batch by batch."""
    extractor.resize(*checked_images(images).shape[1:])
    n = len(images) if rows is None else len(rows)
    for part in slices(n, batch):
        taken = images[part] if rows is None else images[rows[part]]
        pixels = torch.from_numpy(np.ascontiguousarray(taken)).to(device)
        look = extractor.look(pixels.permute(0, 3, 1, 2).float() / 255)
        known = None if look.probabilities is None else look.probabilities.cpu()
        yield Look(look.features.cpu(), known)


def checked_images(images: Images) -> Images:
    """Return the images if they are uint8 of shape (N, H, W, C) with N > 0.

    Raises:
        UsageError: they are not. Floats are refused: their range would have to be guessed.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
        raise UsageError(
            "images to measure must be uint8 of shape (N, H, W, C) with N > 0, got "
            f"{images.dtype} of shape {images.shape}"
        )
    return images


def scaled(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, C, H, W) images at (height, width): bilinear, antialiased where it shrinks."""
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True).clamp(0, 1)


def scaling(old: tuple[int, int], new: tuple[int, int]) -> str:
    """Return in words what `scaled` does to images of the old size."""
    if old == new:
        return "none"
    return f"antialiased bilinear {old[0]}x{old[1]} to {new[0]}x{new[1]}"
