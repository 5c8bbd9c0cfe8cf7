"""The hinge loss."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganvas.games.parts.objectives import Objective


class Hinge(Objective):
    """E max(0, m − f(x)) + E max(0, m + f(x̃)), and −E f(x̃) (Lim & Ye 2017; Miyato et al. 2018).

    The optimum for densities p, q is f = m·sign(p − q), of value 2m(1 − TV(p, q)).

    Attributes:
        margin: m; where spectral normalisation bounds f, it matters (Brock et al. 2019, app. H).
    """

    kind: Literal["hinge"] = "hinge"
    margin: float = Field(default=1.0, gt=0)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the mean hinge losses of both sides."""
        return F.relu(self.margin - real).mean() + F.relu(self.margin + fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E f(x̃)."""
        return -fake.mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the lower bound 1 − L_D/2m of the total variation between data and fakes.

        Beside it the standard deviation of all scores, in margins: 0 where they are all the same.
        """
        spread = torch.cat([real, fake]).std(correction=0) / self.margin
        return {"estimate/tv": 1 - loss / (2 * self.margin), "estimate/spread": spread}
