"""A normal law with some numbers left out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Masked(Prior):
    """N(0, 1) times 0 or 1, each half of the time (Brock et al. 2019, app. E)."""

    kind: Literal["masked"] = "masked"
    dim: int = Field(default=128, ge=1)

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        z = noise.normal(n, self.dim)
        return z * (noise.uniform(n, self.dim) < 0.5)
