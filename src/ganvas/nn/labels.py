"""Class labels as numbers: (N,) int64 classes, or (N, K) weights on them (mixtures, multi-hot)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def lookup(table: Tensor, y: Tensor) -> Tensor:
    """Return the row of ``table`` (K, D) for each label: (N, D).

    Args:
        table: one row for each of K classes.
        y: (N,) int64 classes, or (N, K) weights; weights e_k give row k.
    """
    return F.embedding(y, table) if y.dim() == 1 else y.to(table.dtype) @ table


def one_hot(y: Tensor, classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return labels as weights (N, classes); weights pass through."""
    if y.dim() == 2:
        return y.to(dtype)
    # A comparison, unlike F.one_hot, neither checks values on the host nor breaks an export.
    return (y[:, None] == torch.arange(classes, device=y.device)).to(dtype)
