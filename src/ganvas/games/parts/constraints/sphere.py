"""Weights on a sphere."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.games.parts.constraints import Constraint


class Sphere(Constraint):
    """The vector of all parameters stays on a sphere (a variant that Arjovsky et al. tried).

    Attributes:
        radius: its Euclidean norm.
    """

    kind: Literal["sphere"] = "sphere"
    radius: float = Field(default=1.0, gt=0)

    def install(self, network: nn.Module) -> None:
        """Project once, so that no other critic is ever asked."""
        project_(network, self.radius)

    def enforce(self, network: nn.Module) -> None:
        """Project after a step."""
        project_(network, self.radius)

    def onto(self, weights: Tensor) -> Tensor:
        """Return the vector of all parameters as it is after `enforce`, differentiably."""
        return weights * (self.radius / weights.square().sum().sqrt())


@torch.no_grad()
def project_(network: nn.Module, radius: float) -> None:
    """Scale all parameters of ``network`` together to the Euclidean norm ``radius``, in place."""
    parameters = list(network.parameters())
    norm = torch.nn.utils.get_total_norm(parameters)
    for parameter in parameters:
        parameter.mul_(radius / norm)
