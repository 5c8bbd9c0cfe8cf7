"""Spectral normalisation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from ganvas.games.parts.constraints import Constraint
from ganvas.nn import sn


class Spectral(Constraint):
    """Every layer divided by its largest singular value (Miyato et al. 2018; see `ganvas.nn.sn`).

    Attributes:
        factor: Lipschitz bound of each layer.
    """

    kind: Literal["spectral"] = "spectral"
    factor: float = Field(default=1.0, gt=0)

    def install(self, network: nn.Module) -> None:
        """Normalise all layers that are not yet normalised."""
        sn(network, factor=self.factor)
