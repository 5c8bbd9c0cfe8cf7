"""Losses on pairs of a real sample and a fake."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from ganvas.games.parts.objectives import Objective


class Relativistic(Objective):
    """Relativistic pairing, RpGAN (Jolicoeur-Martineau 2019; Huang et al. 2024, Eq. 2).

    Real and fake samples are paired by their place in the batch, so there are as many of each.
    """

    kind: Literal["relativistic"] = "relativistic"
    needs_real: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return E softplus(−(D(x) − D(x̃)))."""
        return F.softplus(fake - real).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return E softplus(−(D(x̃) − D(x))).

        Raises:
            ValueError: no logits of real samples were given.
        """
        if real is None:
            raise ValueError("the relativistic generator loss compares fakes with real samples")
        return F.softplus(real - fake).mean()

    def believed(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return whether each real sample is preferred to the fake at its place."""
        return (real - fake).sign()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the share of pairs in which the discriminator prefers the real sample."""
        return {"estimate/preference": (real > fake).float().mean()}
