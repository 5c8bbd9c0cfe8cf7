"""No latents at all."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ganvas.games.parts.priors import Prior
from ganvas.play import Noise


class NoLatents(Prior):
    """Nothing is drawn: samples hang on their conditions alone, such as the future of an image."""

    kind: Literal["none"] = "none"
    dim: Literal[0] = 0  # pyright: ignore[reportIncompatibleVariableOverride]

    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents without a number, (n, 0)."""
        return noise.normal(n, 0)
