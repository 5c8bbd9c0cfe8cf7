"""Numbers of three values."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Categorical(Prior):
    """Independent numbers that are −1, 0 or 1, equally often (Brock et al. 2019, app. E)."""

    kind: Literal["categorical"] = "categorical"
    dim: int = Field(default=128, ge=1)

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim)."""
        return (3.0 * noise.uniform(n, self.dim)).floor() - 1.0
