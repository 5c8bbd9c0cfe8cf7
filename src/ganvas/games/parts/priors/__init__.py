"""Latent priors, found by file: what the generator's noise is drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from torch import Tensor

from ganvas.config import Settings
from ganvas.kinds import ByKind
from ganvas.play import Noise


class Prior(Settings, ABC):
    """A law of latents.

    Attributes:
        kind: its name in a configuration.
        dim: numbers of a latent.
        centre: of each number, towards which truncation draws.
        spherical: whether latents lie on the unit sphere.
    """

    kind: Any
    dim: int
    centre: ClassVar[float] = 0.0
    spherical: ClassVar[bool] = False

    @abstractmethod
    def draw(self, n: int, noise: Noise) -> Tensor:
        """Return n latents, (n, dim)."""


AnyPrior = Annotated[Prior, ByKind(__name__)]
"""Settings of any prior."""
