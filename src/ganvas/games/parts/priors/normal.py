"""The normal law."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Normal(Prior):
    """Independent standard normal numbers."""

    kind: Literal["normal"] = "normal"
    dim: int = Field(default=128, ge=1)

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.normal(n, self.dim)

    def within(self, n: int, noise: Noise, threshold: float) -> Tensor:
        """Return n latents (n, dim) of the normal law on [−t, t]: the truncation trick.

        Numbers that are drawn anew until they lie inside have this law, and √2·erf⁻¹(u·erf(t/√2))
        has it for u uniform on [−1, 1): so one seed gives the same latents at all thresholds, only
        nearer to 0 at smaller ones.
        """
        inside = math.erf(threshold / math.sqrt(2))
        u = noise.uniform(n, self.dim, low=-1.0, high=1.0)
        z = math.sqrt(2) * torch.erfinv(u.double() * inside)
        return z.clamp(-threshold, threshold).to(u.dtype)
