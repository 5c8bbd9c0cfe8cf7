"""DRAGAN's gradient penalty."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganvas.config import Amount
from ganvas.data.batch import Batch
from ganvas.games.parts.penalties import Penalty, Place, norm_cost
from ganvas.play import Noise


class Dragan(Penalty):
    """λ E(‖∇f(x̂)‖ − 1)² around the data (Kodali et al. 2017).

    Attributes:
        weight: λ.
        spread: width of the neighbourhood, in standard deviations of the batch.
    """

    kind: Literal["dragan"] = "dragan"
    on: ClassVar[Place] = "elsewhere"
    weight: Amount = 10.0
    spread: float = Field(default=0.5, gt=0)

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return x̂ = x + α·spread·σ·u, with α per sample and u per entry uniform on [0, 1)."""
        x = real.x
        mean = noise.ranks.mean(x.mean())
        deviation = noise.ranks.mean((x - mean).square().mean()).sqrt()
        step = noise.uniform(len(real)).view(-1, *[1] * (x.dim() - 1)) * self.spread * deviation
        return real.replace(**{real.main: x + step * noise.uniform(*x.shape)})

    def cost(self, squared: Tensor) -> Tensor:
        """Return E(‖∇f‖ − 1)² for squared norms (N,)."""
        return norm_cost(squared, target=1.0, one_sided=False)
