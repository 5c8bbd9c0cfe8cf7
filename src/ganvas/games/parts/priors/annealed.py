"""A normal law whose width changes in training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ganvas.config import Amount, Schedule, value_at
from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Annealed(Prior):
    """N(0, σ²), σ falling in training (Brock et al. 2019, app. E); samples are of its last value.

    Attributes:
        sigma: σ.
    """

    kind: Literal["annealed"] = "annealed"
    dim: int = Field(default=128, ge=1)
    sigma: Amount = Schedule(start=2.0, end=1.0, shape="linear")

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim), as wide as σ is at a share of the horizon."""
        return value_at(self.sigma, progress) * noise.normal(n, self.dim)
