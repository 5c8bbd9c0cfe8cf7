"""Squared distances from targets."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ganvas.games.parts.objectives import Objective


class LeastSquares(Objective):
    """½E(D(x) − b)² + ½E(D(x̃) − a)², and ½E(D(x̃) − c)² for the generator (Mao et al. 2017).

    Attributes:
        real: b, the target of real samples.
        fake: a, the target of fakes.
        wanted: c, what the generator wants fakes to be taken for.
    """

    kind: Literal["least_squares"] = "least_squares"
    real: float = 1.0
    fake: float = 0.0
    wanted: float = 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return half the mean squared distances from the targets."""
        return ((real - self.real).square().mean() + (fake - self.fake).square().mean()) / 2

    def believed(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return on which side of the middle of both targets each real sample lies."""
        side = real - (self.real + self.fake) / 2
        return side.sign() if self.real > self.fake else -side.sign()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return half the mean squared distance of fakes from ``wanted``."""
        return (fake - self.wanted).square().mean() / 2
