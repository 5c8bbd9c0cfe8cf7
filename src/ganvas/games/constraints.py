"""Constraints on the discriminator's weights: put in place once, enforced after every step."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.nn import sn


class Clip(Settings):
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

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the share of weights that stand at the bound."""
        return {"share_clipped": share_at_bound(network, self.bound)}


class Sphere(Settings):
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

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


class Spectral(Settings):
    """Every layer divided by its largest singular value (Miyato et al. 2018; see `ganvas.nn.sn`).

    Attributes:
        factor: Lipschitz bound of each layer.
    """

    kind: Literal["spectral"] = "spectral"
    factor: float = Field(default=1.0, gt=0)

    def install(self, network: nn.Module) -> None:
        """Normalise all layers that are not yet normalised."""
        sn(network, factor=self.factor)

    def enforce(self, network: nn.Module) -> None:
        """Do nothing: the weights are normalised wherever they are used."""

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


Constraint = Annotated[Clip | Sphere | Spectral, Field(discriminator="kind")]


@torch.no_grad()
def clip_(network: nn.Module, bound: float) -> None:
    """Clamp all parameters of ``network`` to [−bound, bound], in place."""
    for parameter in network.parameters():
        parameter.clamp_(-bound, bound)


@torch.no_grad()
def project_(network: nn.Module, radius: float) -> None:
    """Scale all parameters of ``network`` together to the Euclidean norm ``radius``, in place."""
    parameters = list(network.parameters())
    norm = torch.nn.utils.get_total_norm(parameters)
    for parameter in parameters:
        parameter.mul_(radius / norm)


@torch.no_grad()
def share_at_bound(network: nn.Module, bound: float) -> Tensor:
    """Return the share of parameters at ±bound, to a relative 1e-6; a 0-d tensor."""
    flat = torch.cat([parameter.reshape(-1) for parameter in network.parameters()])
    return (flat.abs() >= bound * (1 - 1e-6)).float().mean()
