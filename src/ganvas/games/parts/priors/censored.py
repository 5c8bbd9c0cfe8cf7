"""The censored normal law."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Censored(Prior):
    """max(N(0, 1), 0): half of the numbers are 0 (Brock et al. 2019, app. E).

    Its mean is 1/√2π = .3989 and its variance ½ − 1/2π = .3408.
    """

    kind: Literal["censored"] = "censored"
    dim: int = Field(default=128, ge=1)

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.normal(n, self.dim).clamp_min(0)

    def within(self, n: int, noise: Noise, threshold: float) -> Tensor:
        """Return n latents (n, dim), numbers above t drawn anew: max(N, 0) where N ≤ t."""
        below = 0.5 * (1 + math.erf(threshold / math.sqrt(2)))
        u = noise.uniform(n, self.dim)
        z = math.sqrt(2) * torch.erfinv(2 * below * u.double() - 1)
        return z.clamp(0, threshold).to(u.dtype)
