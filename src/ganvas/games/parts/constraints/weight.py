"""Weight normalisation."""

from __future__ import annotations

from typing import Literal

from torch import nn

from ganvas.errors import UsageError
from ganvas.games.parts.constraints import Constraint, refuse_spectral
from ganvas.nn import Equalised, weight_norm


class Weight(Constraint):
    """Each output's weights have a direction and a length of their own (`nn.weight_norm`)."""

    kind: Literal["weight"] = "weight"

    def install(self, network: nn.Module) -> None:
        """Split all weights; the network computes what it did.

        Raises:
            UsageError: its layers are spectrally normalised, or learn at an equalised rate.
        """
        refuse_spectral(network, "weight")
        if any(isinstance(layer, Equalised) for layer in network.modules()):
            raise UsageError(
                "game.constraint.kind=weight gives weights a length of their own, which an "
                "equalised rate does, too; set game.discriminator.equalised=false"
            )
        weight_norm(network)
