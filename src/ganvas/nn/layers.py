"""Small layers and non-linearities that several families share."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "leaky_relu", "tanh", "sigmoid", "softplus", "gated", "none"]
"""Names of non-linearities; see `activation`."""


def activation(name: Activation, slope: float = 0.2) -> nn.Module:
    """Return a non-linearity, never in place: shortcuts and second derivatives see its input.

    ``slope`` is that of leaky_relu. "softplus" is the smooth step softplus(2x + 2)/2 − 1 of
    WGAN-GP's random architectures; "gated" is `Gate`.
    """
    match name:
        case "relu":
            return nn.ReLU()
        case "leaky_relu":
            return nn.LeakyReLU(slope)
        case "tanh":
            return nn.Tanh()
        case "sigmoid":
            return nn.Sigmoid()
        case "softplus":
            return SmoothStep()
        case "gated":
            return Gate()
        case "none":
            return nn.Identity()


def fan(name: Activation) -> int:
    """Return how many inputs ``activation(name)`` needs for each output."""
    return 2 if name == "gated" else 1


class SmoothStep(nn.Module):
    """x ↦ softplus(2x + 2)/2 − 1: an infinitely differentiable ELU (WGAN-GP, section 5.1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return F.softplus(2 * x + 2) / 2 - 1


class Gate(nn.Module):
    """σ(a) · tanh(b) of even channels a and odd channels b: (N, 2C, …) to (N, C, …)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return half as many channels."""
        return torch.sigmoid(x[:, ::2]) * torch.tanh(x[:, 1::2])


class MaxOut(nn.Module):
    """One affine map to ``units · pieces`` values, then the maximum of each unit's pieces.

    Source: Goodfellow et al. 2013. Exactly one piece of each unit receives a gradient.
    """

    def __init__(self, inputs: int, units: int, pieces: int = 5, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces, bias=bias)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, units) for ``x`` of (N, inputs)."""
        return self.linear(x).unflatten(1, (-1, self.pieces)).max(dim=2).values


class FourierFeatures(nn.Module):
    """Fixed random features sin(Bx), cos(Bx), which let a small network see fine detail.

    Source: Rahimi & Recht 2007; Tancik et al. 2020. The frequencies B, in radians per network
    unit, are N(0, scale²), drawn from ``seed`` and stored with the network.

    Args:
        inputs: width D of the input.
        count: number of frequencies; each gives a sine and a cosine.
        scale: standard deviation of the frequencies.
        seed: of the frequencies.
        append: whether the features follow the input or replace it.
    """

    frequencies: Tensor

    def __init__(
        self, inputs: int, count: int, scale: float = 1.0, *, seed: int = 0, append: bool = True
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        frequencies = torch.randn(count, inputs, generator=generator, device="cpu") * scale
        self.register_buffer("frequencies", frequencies)
        self.append = append
        self.outputs = 2 * count + (inputs if append else 0)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs) for ``x`` of (N, D)."""
        angles = F.linear(x, self.frequencies)
        waves = [torch.sin(angles), torch.cos(angles)]
        return torch.cat([x, *waves] if self.append else waves, dim=1)


class RowTable(nn.Embedding):
    """One learned row for each video, identity or other item of the data.

    Gradients are sparse: they name only the rows of the batch, so that a row-wise optimiser
    leaves all others, and their moments, alone. Rows start as N(0, std²).
    """

    def __init__(self, rows: int, width: int, *, std: float = 1.0) -> None:
        super().__init__(rows, width, sparse=True)
        nn.init.normal_(self.weight, std=std)
