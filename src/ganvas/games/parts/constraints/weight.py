"""Weight normalisation."""

from __future__ import annotations

from typing import Literal

from torch import nn

from ganvas.games.parts.constraints import Constraint, refuse_spectral
from ganvas.nn import weight_norm


class Weight(Constraint):
    """Each output's weights have a direction and a length of their own (`nn.weight_norm`)."""

    kind: Literal["weight"] = "weight"

    def install(self, network: nn.Module) -> None:
        """Split all weights; the network computes what it did.

        Raises:
            UsageError: its layers are spectrally normalised.
        """
        refuse_spectral(network, "weight")
        weight_norm(network)
