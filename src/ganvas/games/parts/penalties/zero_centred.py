"""Zero-centred penalties, on data and on fakes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganvas.config import Amount
from ganvas.data.batch import Batch
from ganvas.games.parts.penalties import Penalty, Place
from ganvas.play import Noise


class R1(Penalty):
    """(γ/2) E‖∇D(x)‖² on data (Mescheder et al. 2018, Eq. 9)."""

    kind: Literal["r1"] = "r1"
    on: ClassVar[Place] = "real"
    weight: Amount = Field(default=1.0, description="γ")

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return the real samples."""
        return real

    def cost(self, squared: Tensor) -> Tensor:
        """Return half the mean of squared norms (N,)."""
        return squared.mean() / 2


class R2(Penalty):
    """(γ/2) E‖∇D(x̃)‖² on fakes (Mescheder et al. 2018, Eq. 10)."""

    kind: Literal["r2"] = "r2"
    on: ClassVar[Place] = "fake"
    weight: Amount = Field(default=1.0, description="γ")

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return the fakes."""
        return fake

    def cost(self, squared: Tensor) -> Tensor:
        """Return half the mean of squared norms (N,)."""
        return squared.mean() / 2
