"""Which known items are nearest to others: as they are, or in the eyes of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganvas.data.domain import Domain
from ganvas.errors import UsageError
from ganvas.latent.neighbours import most_similar
from ganvas.metrics.copies import are_copies
from ganvas.metrics.neighbours import squared_distance_blocks
from ganvas.metrics.of import plain
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


@dataclass(frozen=True, eq=False)
class Closest:
    """The items of a gallery at the smallest distances from each query, the nearest first.

    Attributes:
        index: positions in the gallery, int64 (n, k).
        distance: of plain vectors, float64 (n, k): pixels of images, at most 32 an edge, and
            network units of other data.
        copied: which queries are copies, bool (n,): three times as near to one item as to the next.
    """

    index: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float64]
    copied: npt.NDArray[np.bool_]


def closest(domain: Domain, x: npt.NDArray[Any], gallery: npt.NDArray[Any], k: int = 7) -> Closest:
    """Return the k items of a gallery that are nearest to each of ``x`` as they are.

    Args:
        domain: the kind of data; no model is asked.
        x: points (n, dim) or images (n, H, W, C) uint8, in data units.
        gallery: (G, …) likewise.
        k: neighbours of each.

    Raises:
        UsageError: data of another shape, or fewer than k items in the gallery.
    """
    for items in (x, gallery):
        domain.check(items)
    return closest_vectors(plain(domain, x), plain(domain, gallery), k)


def closest_vectors(queries: torch.Tensor, known: torch.Tensor, k: int = 7) -> Closest:
    """Return the k vectors of ``known`` (G, F) that are nearest to each query (n, F).

    Raises:
        UsageError: there are fewer than k.
    """
    if not 1 <= k <= len(known):
        raise UsageError(f"cannot find {k} neighbours among {len(known)} items")
    found = [
        squares.topk(k, dim=1, largest=False)
        for _, squares in squared_distance_blocks(queries, known)
    ]
    return Closest(
        torch.cat([f.indices for f in found]).numpy(),
        torch.cat([f.values for f in found]).sqrt().numpy(),
        are_copies(queries, known).numpy(),
    )
