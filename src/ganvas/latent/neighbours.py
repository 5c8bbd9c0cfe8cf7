"""Nearest items by the direction of their codes, exact and in blocks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.errors import UsageError

BLOCK = 1 << 24
"""Similarities held at once, at most: 64 MiB."""


def most_similar(queries: Tensor, gallery: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return which k gallery codes have the largest cosine with each query, the largest first.

    Args:
        queries: codes (N, M) of any length but zero.
        gallery: codes (G, M).
        k: how many, at most G.

    Returns:
        Positions in the gallery, int64 (N, k), and cosines, (N, k).

    Raises:
        UsageError: the gallery is smaller than k, or codes have different widths.
    """
    if not 1 <= k <= len(gallery):
        raise UsageError(f"cannot find {k} neighbours among {len(gallery)} items")
    if queries.shape[1:] != gallery.shape[1:]:
        raise UsageError(
            f"codes differ in width: {tuple(queries.shape[1:])} and {tuple(gallery.shape[1:])}"
        )
    directions = F.normalize(gallery, dim=1).T
    rows = max(1, BLOCK // len(gallery))
    found = [
        (F.normalize(part, dim=1) @ directions).topk(k, dim=1)
        for part in torch.split(queries, rows)
    ]
    return torch.cat([f.indices for f in found]), torch.cat([f.values for f in found])
