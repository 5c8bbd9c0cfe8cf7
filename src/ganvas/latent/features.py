"""Maps of a network as features: pooled to a few places and joined (Radford et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

POOLS = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
"""By dimensions of space and time."""


def pooled(maps: Tensor, side: int = 4) -> Tensor:
    """Return (N, C · cells): the maximum in each of at most ``side`` parts of every dimension.

    Maps (N, C, …) whose sides are multiples of ``side`` are pooled in windows that do not overlap:
    32×32 in windows of 8. Shorter sides stay as they are, and so do vectors (N, F).
    """
    cells = [min(side, length) for length in maps.shape[2:]]
    return (POOLS[len(cells)](maps, cells) if cells else maps).flatten(1)


def joined(layers: Iterable[Tensor], side: int = 4) -> Tensor:
    """Return the pooled maps of several layers, (N, sum of their widths), in single precision."""
    return torch.cat([pooled(maps, side).float() for maps in layers], dim=1)
