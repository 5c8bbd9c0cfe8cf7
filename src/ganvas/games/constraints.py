"""Constraints on the discriminator's weights.

Each is put in place once (`install`) and then built into the weights, enforced after every step
(`enforce`), or paid for in the discriminator's loss (`cost`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.errors import UsageError
from ganvas.nn import SpectralNorm, orthonormality, sn, weight_norm


class Clip(Settings):
    """Every parameter stays in [−c, c], biases and norm gains included (Arjovsky et al. 2017).

    Attributes:
        bound: c.
    """

    costs: ClassVar[bool] = False
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

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return 0: it costs nothing."""
        return torch.zeros(())

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the share of weights that stand at the bound."""
        return {"share_clipped": share_at_bound(network, self.bound)}


class Sphere(Settings):
    """The vector of all parameters stays on a sphere (a variant that Arjovsky et al. tried).

    Attributes:
        radius: its Euclidean norm.
    """

    costs: ClassVar[bool] = False
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

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return 0: it costs nothing."""
        return torch.zeros(())

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


class Spectral(Settings):
    """Every layer divided by its largest singular value (Miyato et al. 2018; see `ganvas.nn.sn`).

    Attributes:
        factor: Lipschitz bound of each layer.
    """

    costs: ClassVar[bool] = False
    kind: Literal["spectral"] = "spectral"
    factor: float = Field(default=1.0, gt=0)

    def install(self, network: nn.Module) -> None:
        """Normalise all layers that are not yet normalised."""
        sn(network, factor=self.factor)

    def enforce(self, network: nn.Module) -> None:
        """Do nothing: the weights are normalised wherever they are used."""

    def onto(self, weights: Tensor) -> Tensor:
        """Return the vector of all parameters as it is."""
        return weights

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return 0: it costs nothing."""
        return torch.zeros(())

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


class Weight(Settings):
    """Each output's weights have a direction and a length of their own (`nn.weight_norm`)."""

    costs: ClassVar[bool] = False
    kind: Literal["weight"] = "weight"

    def install(self, network: nn.Module) -> None:
        """Split all weights; the network computes what it did.

        Raises:
            UsageError: its layers are spectrally normalised.
        """
        _refuse_spectral(network, "weight")
        weight_norm(network)

    def enforce(self, network: nn.Module) -> None:
        """Do nothing: the weights are put together wherever they are used."""

    def onto(self, weights: Tensor) -> Tensor:
        """Return the vector of all parameters as it is."""
        return weights

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return 0: it costs nothing."""
        return torch.zeros(())

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


class Orthonormal(Settings):
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
        _refuse_spectral(network, "orthonormal")

    def enforce(self, network: nn.Module) -> None:
        """Do nothing: the loss pulls at the weights."""

    def onto(self, weights: Tensor) -> Tensor:
        """Return the vector of all parameters as it is."""
        return weights

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return the weighted sum, a 0-d tensor."""
        return value_at(self.weight, progress) * orthonormality(network)

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the sum without its weight."""
        return {"orthonormality": orthonormality(network).detach()}


Constraint = Annotated[Clip | Sphere | Spectral | Weight | Orthonormal, Field(discriminator="kind")]


def _refuse_spectral(network: nn.Module, kind: str) -> None:
    """Refuse a network whose layers are normalised already: a second rule would be a mixture."""
    if any(isinstance(layer, SpectralNorm) for layer in network.modules()):
        raise UsageError(
            f"game.constraint.kind={kind} is for a discriminator without spectral normalisation; "
            "set game.discriminator.spectral=false"
        )


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
