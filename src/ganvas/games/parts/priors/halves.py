"""Two laws side by side."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Halves(Prior):
    """N(0, 1) in the first half of the numbers, 0 or 1 in the others (Brock et al. 2019, app. E).

    Of an odd number the first half is the larger one.
    """

    kind: Literal["halves"] = "halves"
    dim: int = Field(default=128, ge=2)

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        coins = self.dim // 2
        z = noise.normal(n, self.dim - coins)
        return torch.cat([z, (noise.uniform(n, coins) < 0.5).to(z)], 1)
