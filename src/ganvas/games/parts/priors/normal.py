"""The normal law."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class Normal(Prior):
    """Independent standard normal numbers."""

    kind: Literal["normal"] = "normal"
    dim: int = Field(default=128, ge=1)

    def draw(self, n: int, noise: Noise) -> Tensor:
        """Return n latents, (n, dim)."""
        return noise.normal(n, self.dim)
