"""Uniform laws."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Uniform(Prior):
    """Independent numbers uniform on [−1, 1)."""

    kind: Literal["uniform"] = "uniform"
    dim: int = Field(default=100, ge=1)

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.uniform(n, self.dim, low=-1.0, high=1.0)

    def within(self, n: int, noise: Noise, threshold: float) -> Tensor:
        """Return n latents (n, dim), uniform on what of [−1, 1) is within [−t, t]."""
        return min(threshold, 1.0) * self.draw(n, noise)


class Hypercube(Prior):
    """Independent numbers uniform on [0, 1): the unit hypercube (Mirza & Osindero 2014)."""

    kind: Literal["hypercube"] = "hypercube"
    dim: int = Field(default=100, ge=1)
    centre: ClassVar[float] = 0.5

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.uniform(n, self.dim)
