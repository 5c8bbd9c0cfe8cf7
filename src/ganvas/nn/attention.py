"""Self-attention between the places of an image (Wang et al. 2018; Zhang et al. 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.nn.precision import widen


class SelfAttention(nn.Module):
    """x + γ·o(g(x) β(x)ᵀ), β the softmax of θ(x)ᵀφ(x) over keys; γ starts at 0.

    Queries θ and keys φ have C/8 channels, values g have C/2; keys and values are halved by 2×2
    maxima, so that there are HW/4 of them (SA-GAN's code, not its text). All maps are 1×1
    convolutions without bias, and products are not divided by √(C/8).

    Products are spelled out, since fused attention has no second derivative: a map of 64×64 takes
    4096·1024 numbers for each image.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query = nn.Conv2d(channels, few, 1, bias=False)
        self.key = nn.Conv2d(channels, few, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.out = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def weights(self, x: Tensor) -> Tensor:
        """Return β (N, HW, K): what each place takes of each of K = ⌊H/2⌋⌊W/2⌋ others."""
        query = self.query(x).flatten(2)
        key = F.max_pool2d(self.key(x), 2).flatten(2)
        return widen(query.transpose(1, 2) @ key).softmax(2).to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W); H and W are 2 or more."""
        value = F.max_pool2d(self.value(x), 2).flatten(2)
        taken = value @ self.weights(x).transpose(1, 2)
        return x + self.gamma * self.out(taken.unflatten(2, x.shape[2:]))
