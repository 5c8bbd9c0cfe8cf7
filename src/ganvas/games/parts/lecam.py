"""LeCam regularisation: what D says keeps near what it has said of the other kind (Tseng 2021)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.play import Turns


class LeCam(Settings):
    """λ(E‖D(x) − α_F‖² + E‖D(x̃) − α_R‖²) in D's loss (Tseng et al. 2021, Eq. 4).

    With WGAN's losses it leads to a divergence that is weaker than Jensen and Shannon's, and finite
    where the densities do not meet.

    Attributes:
        weight: λ.
        decay: of the moving averages α_R and α_F of D's logits on real samples and fakes, a turn.
        start: turns of D before it counts.
        one_sided: only logits on the right side of their anchor cost, as in the authors' code:
            E max(0, D(x) − α_F)² + E max(0, α_R − D(x̃))².
    """

    weight: Amount = 0.3
    decay: float = Field(default=0.99, ge=0, lt=1)
    start: int = Field(default=0, ge=0)
    one_sided: bool = False


class Anchors(nn.Module):
    """The moving averages of a judge's logits, and what others cost that are far from them.

    Attributes:
        real, fake: α_R and α_F, 0-d.
        turns: how many they are of, 0-d.
    """

    of_run: ClassVar[bool] = True
    real: Tensor
    fake: Tensor
    turns: Tensor

    def __init__(self, settings: LeCam) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))
        self.register_buffer("turns", torch.zeros((), dtype=torch.long))
        self._heard: list[tuple[Tensor, Tensor]] = []

    def cost(self, real: Tensor, fake: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """Return what logits of real samples and fakes cost, with the weight and without, 0-d."""
        above, below = real - self.fake, self.real - fake
        if self.settings.one_sided:
            above, below = F.relu(above), F.relu(below)
        counts = (self.turns > self.settings.start).to(real.dtype)  # the first turn has no anchors
        cost = counts * (above.square().mean() + below.square().mean())
        return value_at(self.settings.weight, progress) * cost, cost

    def hear(self, real: Tensor, fake: Tensor) -> None:
        """Take note of the logits of a part of a turn."""
        self._heard.append((real.detach().mean(), fake.detach().mean()))

    @torch.no_grad()
    def adapt(self, turn: Turns) -> None:
        """Follow what was heard in a turn, of all processes."""
        if not self._heard:
            return
        heard, self._heard = [torch.stack(pair) for pair in self._heard], []
        found = turn.ranks.mean(torch.stack(heard).mean(0)).to(self.real.dtype)
        share = torch.where(self.turns == 0, 1.0, 1 - self.settings.decay).to(found.dtype)
        self.real.lerp_(found[0], share)
        self.fake.lerp_(found[1], share)
        self.turns += 1
        turn.note(**{"lecam/real": self.real.clone(), "lecam/fake": self.fake.clone()})
