"""Latent priors: what the generator's noise is drawn from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganvas.config import Settings
from ganvas.play import Noise


class Normal(Settings):
    """Independent standard normal numbers."""

    kind: Literal["normal"] = "normal"
    dim: int = Field(default=128, ge=1)
    centre: ClassVar[float] = 0.0
    spherical: ClassVar[bool] = False

    def draw(self, n: int, noise: Noise) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.normal(n, self.dim)


class Uniform(Settings):
    """Independent numbers uniform on [−1, 1)."""

    kind: Literal["uniform"] = "uniform"
    dim: int = Field(default=100, ge=1)
    centre: ClassVar[float] = 0.0
    spherical: ClassVar[bool] = False

    def draw(self, n: int, noise: Noise) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.uniform(n, self.dim, low=-1.0, high=1.0)


class Hypercube(Settings):
    """Independent numbers uniform on [0, 1): the unit hypercube (Mirza & Osindero 2014)."""

    kind: Literal["hypercube"] = "hypercube"
    dim: int = Field(default=100, ge=1)
    centre: ClassVar[float] = 0.5
    spherical: ClassVar[bool] = False

    def draw(self, n: int, noise: Noise) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.uniform(n, self.dim)


Prior = Annotated[Normal | Uniform | Hypercube, Field(discriminator="kind")]
