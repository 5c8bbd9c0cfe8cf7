"""A layer that makes maps smaller."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.nn.lipschitz import operator_norm


class AveragedConv2d(nn.Conv2d):
    """A convolution 3×3 with zeros around, and the mean of each 2×2 square of it, at once.

    Together they are a convolution 4×4 with stride 2: four products for each pixel of the input
    instead of nine (2 times as fast on a CPU).

    Args:
        inputs, outputs: channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, outputs, H/2, W/2) for even H and W."""
        rows = F.pad(self.weight, (0, 0, 0, 1)) + F.pad(self.weight, (0, 0, 1, 0))
        kernel = (F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))) / 4
        return F.conv2d(input, kernel, self.bias, stride=2, padding=1)

    def lipschitz(self) -> float:
        """Return a bound on its slope: means of 2×2 halve the convolution's."""
        return operator_norm(self) / 2
