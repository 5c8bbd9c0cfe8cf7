"""Means of what a network saw, kept in buffers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganvas.nn.collective import all_reduce
from ganvas.nn.exchange import world_size
from ganvas.nn.tracking import Tracking


class RunningMean(Tracking):
    """The mean of what passes in training: a ← a + share (x̄ − a) from a = 0, x̄ of all processes.

    Such as StyleGAN2's mean w, by which samples are truncated, or its mean path length. After n
    times the same x it is x (1 − (1 − share)ⁿ).

    Args:
        shape: of one item.
        share: of each new batch.
    """

    mean: Tensor

    def __init__(self, shape: Sequence[int] = (), share: float = 0.01) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("mean", torch.zeros(tuple(shape)))

    def forward(self, x: Tensor) -> Tensor:
        """Take in items (N, *shape) if this is a pass that may, and return the mean, a constant."""
        if self.updates:
            with torch.no_grad():
                batch = all_reduce(x.detach().mean(0)) / world_size()
                self.mean.lerp_(batch.to(self.mean), self.share)
        return self.mean.clone()
