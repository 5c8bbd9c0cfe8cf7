"""The gradient penalty of WGAN-GP."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganvas.config import Amount
from ganvas.data.batch import Batch
from ganvas.games.parts.penalties import Penalty, Place, interpolates, norm_cost
from ganvas.play import Noise


class GradientPenalty(Penalty):
    """λ E(‖∇f(x̂)‖ − 1)² at points x̂ between data and fakes (Gulrajani et al. 2017, Eq. 3).

    Attributes:
        weight: λ.
        target: the norm that costs nothing.
        one_sided: let smaller norms cost nothing either: max(0, ‖∇f‖ − 1)².
    """

    kind: Literal["gradient"] = "gradient"
    on: ClassVar[Place] = "elsewhere"
    weight: Amount = 10.0
    target: float = Field(default=1.0, ge=0)
    one_sided: bool = False

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return x̂ = εx + (1 − ε)x̃ with ε uniform on [0, 1), one per sample."""
        x = interpolates(real.x, fake.x, noise.uniform(len(real)))
        return real.replace(**{real.main: x})

    def cost(self, squared: Tensor) -> Tensor:
        """Return E(‖∇f‖ − target)² for squared norms (N,)."""
        return norm_cost(squared, self.target, self.one_sided)
