"""The hinge loss."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ganvas.games.parts.objectives import Objective


class Hinge(Objective):
    """E max(0, 1 − f(x)) + E max(0, 1 + f(x̃)), and −E f(x̃) (Lim & Ye 2017; Miyato et al. 2018).

    The optimum for densities p, q is f = sign(p − q), of value 2(1 − TV(p, q)).
    """

    kind: Literal["hinge"] = "hinge"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the mean hinge losses of both sides, margin 1."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E f(x̃)."""
        return -fake.mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the lower bound 1 − L_D/2 of the total variation between data and fakes."""
        return {"estimate/tv": 1 - loss / 2}
