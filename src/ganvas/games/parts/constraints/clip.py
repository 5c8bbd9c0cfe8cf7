"""Clipped weights."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.games.parts.constraints import Constraint


class Clip(Constraint):
    """Every parameter stays in [−c, c], biases and norm gains included (Arjovsky et al. 2017).

    Attributes:
        bound: c.
    """

    kind: Literal["clip"] = "clip"
    bound: float = Field(default=0.01, gt=0)

    def install(self, network: nn.Module) -> None:
        """Clip once, so that no unclipped critic is ever asked."""
        clip_(network, self.bound)

    def enforce(self, network: nn.Module) -> None:
        """Clip after a step."""
        clip_(network, self.bound)

    def onto(self, weights: Tensor) -> Tensor:
        """Return the vector of all parameters as it is after `enforce`, differentiably."""
        return weights.clamp(-self.bound, self.bound)

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the share of weights that stand at the bound."""
        return {"share_clipped": share_at_bound(network, self.bound)}


@torch.no_grad()
def clip_(network: nn.Module, bound: float) -> None:
    """Clamp all parameters of ``network`` to [−bound, bound], in place."""
    for parameter in network.parameters():
        parameter.clamp_(-bound, bound)


@torch.no_grad()
def share_at_bound(network: nn.Module, bound: float) -> Tensor:
    """Return the share of parameters at ±bound, to a relative 1e-6; a 0-d tensor."""
    flat = torch.cat([parameter.reshape(-1) for parameter in network.parameters()])
    return (flat.abs() >= bound * (1 - 1e-6)).float().mean()
