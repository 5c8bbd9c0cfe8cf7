"""A convolutional LSTM: TGANv2's g0 (Saito et al. 2020)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.data.domain import Size
from ganvas.networks.temporal import Temporal, TemporalSettings, Times, refuse_given
from ganvas.nn import along


class ConvLSTM(TemporalSettings):
    """Settings of one layer without peepholes, which hears the start at its first step alone.

    Attributes:
        kernel: of its convolutions, odd; of latents that are vectors it is 1.
    """

    kind: Literal["conv-lstm"] = "conv-lstm"
    kernel: int = Field(default=3, ge=1)

    def build(
        self, start: Size, shape: Size, frames: int, given: int = 0, from_start: bool = False
    ) -> Convoluted:
        """Return the network.

        Raises:
            UsageError: categories have no place in it.
        """
        refuse_given(given, self.kind)
        return Convoluted(start, shape, frames, self.kernel)


class Convoluted(Temporal):
    """c' = σ(f)c + σ(i) tanh(g), h' = σ(o) tanh(c') from zeros; frame t has h⁽ᵗ⁾, t = 1 … K.

    All gates [i, f, o, g] are one convolution of what is heard, with a bias, and one of h, without.
    After the first step zeros are heard, of which the bias alone is left.
    """

    kind = "conv-lstm"

    def __init__(self, start: Size, shape: Size, frames: int, kernel: int) -> None:
        super().__init__(frames)
        self.start, self.shape = start, shape
        inputs, (outputs, *space) = start[0], shape
        kernel = kernel if space else 1
        self.heard = nn.Conv2d(inputs, 4 * outputs, kernel, 1, kernel // 2)
        self.state = nn.Conv2d(outputs, 4 * outputs, kernel, 1, kernel // 2, bias=False)

    def forward(
        self, start: Tensor, fresh: Tensor, times: Times, given: Tensor | None = None
    ) -> Tensor:
        """Return states at the times, (N, K, *shape); straight between frames."""
        self.check(times)
        x = start if start.dim() == 4 else start[..., None, None]
        bias = self.heard.bias
        assert bias is not None
        told, cell, states = self.heard(x), None, list[Tensor]()
        for _ in range(math.ceil(max(times) - 1e-6) + 1):
            i, f, o, g = (told + self.state(states[-1]) if states else told).chunk(4, 1)
            kept = torch.sigmoid(i) * torch.tanh(g)
            cell = kept if cell is None else torch.sigmoid(f) * cell + kept
            states.append(torch.sigmoid(o) * torch.tanh(cell))
            told = bias.view(1, -1, 1, 1)
        return along(torch.stack(states, 1), times).view(start.shape[0], len(times), *self.shape)
