"""Constraints on the discriminator's weights, found by file.

Each is put in place once (`install`) and then built into the weights, enforced after steps
(`enforce`), or paid for in the discriminator's loss (`cost`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.kinds import ByKind
from ganvas.nn import SpectralNorm


class Constraint(Settings, ABC):
    """A constraint; unless a kind says more, it does nothing after a step and costs nothing.

    Attributes:
        kind: its name in a configuration.
        costs: whether it is a term of the discriminator's loss.
    """

    kind: Any
    costs: ClassVar[bool] = False

    @property
    def period(self) -> int:
        """Steps from one `enforce` to the next."""
        return 1

    @abstractmethod
    def install(self, network: nn.Module) -> None:
        """Put it in place, before the network is asked anything."""

    def enforce(self, network: nn.Module) -> None:
        """Restore it after a step."""

    def onto(self, weights: Tensor) -> Tensor:
        """Return the vector of all parameters as it is after `enforce`, differentiably."""
        return weights

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return the weighted term of the discriminator's loss, 0-d."""
        return torch.zeros(())

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return numbers for the log, 0-d."""
        return {}


AnyConstraint = Annotated[Constraint, ByKind(__name__)]
"""Settings of any constraint."""


def refuse_spectral(network: nn.Module, kind: str) -> None:
    """Refuse a network whose layers are normalised already: a second rule would be a mixture."""
    if any(isinstance(layer, SpectralNorm) for layer in network.modules()):
        raise UsageError(
            f"game.constraint.kind={kind} is for a discriminator without spectral normalisation; "
            "set game.discriminator.spectral=false"
        )
