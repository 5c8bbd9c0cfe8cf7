"""Coins: laws of two numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Bernoulli(Prior):
    """Independent numbers that are 0 or 1, each half of the time (Brock et al. 2019, app. E)."""

    kind: Literal["bernoulli"] = "bernoulli"
    dim: int = Field(default=128, ge=1)
    centre: ClassVar[float] = 0.5

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        return 1.0 * (noise.uniform(n, self.dim) < 0.5)


class Signs(Prior):
    """Independent numbers that are −1 or 1, each half of the time."""

    kind: Literal["signs"] = "signs"
    dim: int = Field(default=128, ge=1)

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        return 2.0 * (noise.uniform(n, self.dim) < 0.5) - 1.0
