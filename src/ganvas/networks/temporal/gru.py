"""A recurrent network: MoCoGAN's R_M (Tulyakov et al. 2018)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.data.domain import Size
from ganvas.networks.temporal import Temporal, TemporalSettings, Times, vector
from ganvas.nn import along


class GRU(TemporalSettings):
    """Settings of a gated recurrent unit that hears fresh noise at every frame.

    Attributes:
        noise: d_E, width of that noise; None: as wide as the latents.
    """

    kind: Literal["gru"] = "gru"
    noise: int | None = Field(default=None, ge=1)

    def build(
        self, start: Size, shape: Size, frames: int, given: int = 0, from_start: bool = False
    ) -> Recurrent:
        """Return the network.

        Raises:
            UsageError: the latents are maps.
        """
        into, width = vector(start, self.kind), vector(shape, self.kind)
        return Recurrent(into, self.noise or width, width, frames, given, from_start)


class Recurrent(Temporal):
    """h⁽ᵗ⁾ = GRU([z_A; ε⁽ᵗ⁾], h⁽ᵗ⁻¹⁾) from h⁽⁰⁾, all at once; frame t has h⁽ᵗ⁾, t = 1 … K.

    |h| ≤ max(1, |h⁽⁰⁾|), each number alone: a step is a mean of the state before and of a tanh.
    With ``from_start`` the first frame has h⁽⁰⁾ itself. Between frames the way is straight.
    """

    kind = "gru"
    paced: ClassVar[bool] = True

    def __init__(
        self, start: int, noise: int, width: int, frames: int, given: int, from_start: bool
    ) -> None:
        super().__init__(frames)
        self.start, self.fresh, self.given = (start,), (noise,), given
        self.first = 0 if from_start else 1
        self.into = nn.Identity() if start == width else nn.Linear(start, width)
        self.cell = nn.GRU(given + noise, width, batch_first=True)

    def steps(self, times: Times) -> int:
        """Return the number of the last step, up to which the noise is heard."""
        return math.ceil(max(times) - 1e-6) + self.first

    def forward(
        self, start: Tensor, fresh: Tensor, times: Times, given: Tensor | None = None
    ) -> Tensor:
        """Return hidden states at the times, (N, K, width)."""
        self.check(times)
        if self.given:
            assert given is not None
            told = given if given.dim() == 3 else given[:, None].expand(-1, fresh.shape[1], -1)
            fresh = torch.cat([told.to(fresh), fresh], 2)
        h = self.into(start)
        states = self.cell(fresh, h[None].contiguous())[0] if fresh.shape[1] else fresh[..., :0]
        if self.first == 0:
            states = torch.cat([h[:, None], states], 1) if fresh.shape[1] else h[:, None]
        return along(states, times)
