"""Which known items are nearest to others, in the eyes of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganvas.latent.neighbours import most_similar
from ganvas.model.model import Model


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The items of a gallery that are nearest to each query, the nearest first.

    Attributes:
        index: positions in the gallery, int64 (n, k).
        similarity: cosines of their codes with the query's, float32 (n, k).
    """

    index: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]


def nearest(
    model: Model,
    x: npt.NDArray[Any],
    gallery: npt.NDArray[Any],
    k: int = 7,
    *,
    batch: int = 256,
) -> Neighbours:
    """Return the k items of a gallery whose codes have the largest cosine with those of ``x``.

    With training items as the gallery it shows whether samples are copies (memoryGAN, Fig. 5).

    Args:
        model: has an encoder.
        x: points (n, dim) or images (n, H, W, C) uint8, in data units.
        gallery: (G, …) likewise.
        k: neighbours of each.
        batch: items that go through the network at once.

    Raises:
        UsageError: data of another shape than the model's, or fewer than k items in the gallery.
        CannotError: the system has no encoder.
    """
    queries, known = (torch.from_numpy(model.encode(items, batch=batch)) for items in (x, gallery))
    index, similarity = most_similar(queries, known, k)
    return Neighbours(index.numpy(), similarity.numpy())
