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
        keep: added to the first bias of the gate that keeps the state before: at 0 states fade to a
            half in a step or two, at k > 0 in about eᵏ (Tallec & Ollivier 2018), so that paths are
            smooth from the first round on.
        told_start: whether the state before the first frame is linear in [start; z_A], not the
            start itself: a state that lasts hears of z_A too late to tell where a clip begins.
        apart: standard deviation of the first weights of what it is told, so that paths of
            classes differ from the first round on; None: torch's, which are small.
    """

    kind: Literal["gru"] = "gru"
    noise: int | None = Field(default=None, ge=1)
    keep: float = 0.0
    told_start: bool = False
    apart: float | None = Field(default=None, ge=0)

    def build(
        self, start: Size, shape: Size, frames: int, given: int = 0, from_start: bool = False
    ) -> Recurrent:
        """Return the network.

        Raises:
            UsageError: the latents are maps.
        """
        into, width = vector(start, self.kind), vector(shape, self.kind)
        noise, begun = self.noise or width, given if self.told_start else 0
        network = Recurrent(into, noise, width, frames, given, from_start, begun)
        with torch.no_grad():
            bias = network.cell.get_parameter("bias_ih_l0")  # of gates: reset, keep, new
            bias[width : 2 * width] += self.keep
            if self.apart is not None:
                hears = network.cell.get_parameter("weight_ih_l0")
                hears[:, :given].normal_(0.0, self.apart)
                if isinstance(network.into, nn.Linear):
                    network.into.weight[:, into:].normal_(0.0, self.apart)
        return network


class Recurrent(Temporal):
    """h⁽ᵗ⁾ = GRU([z_A; ε⁽ᵗ⁾], h⁽ᵗ⁻¹⁾) from h⁽⁰⁾, all at once; frame t has h⁽ᵗ⁾, t = 1 … K.

    |h| ≤ max(1, |h⁽⁰⁾|), each number alone: a step is a mean of the state before and of a tanh.
    With ``from_start`` the first frame has h⁽⁰⁾ itself. Between frames the way is straight.
    """

    kind = "gru"
    paced: ClassVar[bool] = True

    def __init__(
        self,
        start: int,
        noise: int,
        width: int,
        frames: int,
        given: int,
        from_start: bool,
        begun: int = 0,
    ) -> None:
        super().__init__(frames)
        self.start, self.fresh, self.given = (start,), (noise,), given
        self.first = 0 if from_start else 1
        self.begun = begun
        plain = start == width and not begun
        self.into = nn.Identity() if plain else nn.Linear(start + begun, width)
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
            if self.begun:
                first = given if given.dim() == 2 else given[:, 0]
                start = torch.cat([start, first.to(start)], 1)
            fresh = torch.cat([told.to(fresh), fresh], 2)
        h = self.into(start)
        states = self.cell(fresh, h[None].contiguous())[0] if fresh.shape[1] else fresh[..., :0]
        if self.first == 0:
            states = torch.cat([h[:, None], states], 1) if fresh.shape[1] else h[:, None]
        return along(states, times)
