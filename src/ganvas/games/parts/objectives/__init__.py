"""Adversarial losses, found by file: what discriminator and generator minimise, on logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from torch import Tensor

from ganvas.config import Settings
from ganvas.kinds import ByKind


class Objective(Settings, ABC):
    """A pair of losses: functions of per-sample logits (N,), without state.

    Attributes:
        kind: its name in a configuration.
        needs_real: whether the generator's loss compares fakes with real samples.
    """

    kind: Any
    needs_real: ClassVar[bool] = False

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the discriminator's loss, 0-d; fakes carry no gradient to the generator."""

    @abstractmethod
    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return the generator's loss, 0-d; real logits are given only where it `needs_real`."""

    def believed(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return how sure the discriminator is that each real sample is one, (N,) in [−1, 1].

        By default the sign of its logit (r_t of Karras et al. 2020, Eq. 1); where logits have no
        level of their own, that of its distance to a fake's.
        """
        return real.sign()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return what the discriminator's loss on these logits says of the distance of both."""
        return {}


AnyObjective = Annotated[Objective, ByKind(__name__)]
"""Settings of any pair of losses."""
