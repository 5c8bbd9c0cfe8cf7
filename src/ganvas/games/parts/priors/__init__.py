"""Latent priors, found by file: what the generator's noise is drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from torch import Tensor

from ganvas.config import Settings
from ganvas.errors import UsageError
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
    def draw(self, n: int, noise: Noise, progress: float = 1.0) -> Tensor:
        """Return n latents, (n, dim), as they are at a share of the horizon."""

    def within(self, n: int, noise: Noise, threshold: float) -> Tensor:
        """Return n latents whose numbers are drawn anew until none is further from 0, (n, dim).

        Raises:
            UsageError: such latents are not drawn so.
        """
        raise UsageError(
            f"threshold={threshold:g} needs latents of kind normal, uniform or censored, and these "
            f"are {self.kind}: draw them towards the middle instead, such as truncation=0.5"
        )


AnyPrior = Annotated[Prior, ByKind(__name__)]
"""Settings of any prior."""
