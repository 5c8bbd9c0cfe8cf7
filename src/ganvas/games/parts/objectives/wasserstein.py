"""The critic's difference of means."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ganvas.games.parts.objectives import Objective


class Wasserstein(Objective):
    """The critic's E f(x̃) − E f(x) and the generator's −E f(x̃) (Arjovsky et al. 2017, Eq. 3).

    Attributes:
        drift: weight of E f(x)², which keeps the critic's level near 0 (Karras et al. 2018).
    """

    kind: Literal["wasserstein"] = "wasserstein"
    drift: float = Field(default=0.0, ge=0)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return L_C = E f(x̃) − E f(x), plus the drift term if any."""
        loss = fake.mean() - real.mean()
        return loss + self.drift * real.square().mean() if self.drift else loss

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E f(x̃)."""
        return -fake.mean()

    def believed(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return whether each real sample is preferred to the fake at its place."""
        return (real - fake).sign()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return E f(x) − E f(x̃): K·W₁ for a well trained K-Lipschitz critic."""
        return {"estimate/wasserstein": real.mean() - fake.mean() if self.drift else -loss}
