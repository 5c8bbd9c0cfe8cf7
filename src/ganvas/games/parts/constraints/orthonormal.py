"""Orthonormal regularisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from ganvas.config import Amount, value_at
from ganvas.games.parts.constraints import Constraint, refuse_spectral
from ganvas.nn import orthonormality


class Orthonormal(Constraint):
    """λ Σ‖WᵀW − I‖²_F over all layers in the discriminator's loss (Brock et al. 2016).

    Attributes:
        weight: λ.
    """

    costs: ClassVar[bool] = True
    kind: Literal["orthonormal"] = "orthonormal"
    weight: Amount = 0.01

    def install(self, network: nn.Module) -> None:
        """Leave the weights as they are.

        Raises:
            UsageError: the layers are spectrally normalised.
        """
        refuse_spectral(network, "orthonormal")

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return the weighted sum, a 0-d tensor."""
        return value_at(self.weight, progress) * orthonormality(network)

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the sum without its weight."""
        return {"orthonormality": orthonormality(network).detach()}
