"""Differences of probabilities."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ganvas.games.parts.objectives import Objective


class UpDown(Objective):
    """E D(x̃) − E D(x) and −E D(x̃), D = σ(logit): probabilities without logs (memoryGAN's code)."""

    kind: Literal["updown"] = "updown"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the difference of the mean probabilities of being real."""
        return fake.sigmoid().mean() - real.sigmoid().mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E D(x̃)."""
        return -fake.sigmoid().mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the lower bound −L_D of the total variation between data and fakes."""
        return {"estimate/tv": -loss}
