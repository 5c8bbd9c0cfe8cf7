"""Normal laws of a width for each latent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Spread(Prior):
    """N(0, σ²I), σ uniform on [low, high) for each latent (Brock et al. 2019, app. E).

    Attributes:
        low, high: the least and largest σ.
    """

    kind: Literal["spread"] = "spread"
    dim: int = Field(default=128, ge=1)
    low: float = Field(default=0.5, ge=0)
    high: float = Field(default=1.5, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Spread:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be less than high ({self.high:g})")
        return self

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        sigma = noise.uniform(n, 1, low=self.low, high=self.high)
        return sigma * noise.normal(n, self.dim)
