"""Losses of a discriminator that classifies real against fake."""

from __future__ import annotations

import math
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganvas.games.parts.objectives import Objective


class _Classification(Objective):
    """The discriminator of the original game: a classifier of real against fake.

    Attributes:
        real: target of real samples. Below 1 it is one-sided label smoothing (Salimans et al. 2016,
            section 3.4): D is to be no surer than that, and what fakes are told stays the same.
    """

    real: float = Field(default=1.0, gt=0.5, le=1)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −E[α log D(x) + (1 − α) log(1 − D(x))] − E log(1 − D(x̃)), D = σ(logit)."""
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        return loss if self.real == 1 else loss + (1 - self.real) * real.mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the lower bound log 2 + V/2 of the Jensen–Shannon divergence, in nats."""
        return {"estimate/js": math.log(2) - loss / 2} if self.real == 1 else {}


class Minimax(_Classification):
    """min_G max_D V = E log D(x) + E log(1 − D(G(z)))   (Goodfellow et al. 2014, Eq. 1)."""

    kind: Literal["minimax"] = "minimax"

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return E log(1 − D(x̃)); its slope −D(x̃) vanishes where fakes are bad."""
        return -F.softplus(fake).mean()


class NonSaturating(_Classification):
    """The same discriminator, and −log D(G(z)) for the generator (Goodfellow et al. 2014, §3)."""

    kind: Literal["nonsaturating"] = "nonsaturating"

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E log D(x̃); its slope D(x̃) − 1 is steepest where fakes are bad."""
        return F.softplus(-fake).mean()


class ReverseKL(_Classification):
    """The same discriminator, and both generator losses added up (memoryGAN's code)."""

    kind: Literal["reverse_kl"] = "reverse_kl"

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return E log(1 − D(x̃)) − E log D(x̃) = −E logit: KL(p_G‖p) at the best D."""
        return -fake.mean()
