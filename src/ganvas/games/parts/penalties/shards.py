"""Zero-centred penalties that are sums over the items of a machine, as TGANv2 has them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import Tensor

from ganvas.config import Amount
from ganvas.data.batch import Batch
from ganvas.games.parts.penalties import Penalty, Place
from ganvas.play import Noise


class SummedR1(Penalty):
    """λ Σᵢ ‖∇D(xᵢ)‖² over the real items of a machine (Saito et al. 2020, Eq. 10).

    Each of the paper's machines has 8 items of a batch, and their gradients are averaged: that is
    8 λ E‖∇D(x)‖², of however many items a batch consists here. A mean in the place of the sum would
    be 8 times as weak.

    Attributes:
        shard: items of a machine.
    """

    kind: Literal["summed_r1"] = "summed_r1"
    on: ClassVar[Place] = "real"
    weight: Amount = Field(default=0.5, description="λ")
    shard: PositiveInt = 8

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return the real samples."""
        return real

    def cost(self, squared: Tensor) -> Tensor:
        """Return the sum over a machine's items, from squared norms (N,)."""
        return self.shard * squared.mean()
