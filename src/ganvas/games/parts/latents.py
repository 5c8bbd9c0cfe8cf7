"""Latent spaces of autoencoders: the prior, and the posteriors that an encoder may give.

The plane R^d with a normal prior, or the sphere S^d, which lies in R^{d+1}, with a uniform one.
Any game may take either: it asks for draws, log-densities and divergences, and never which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.nn import (
    Axial,
    Draw,
    Gradient,
    PowerSpherical,
    Source,
    VonMisesFisher,
    draws_from,
    log_sphere_area,
    to_front,
)
from ganvas.play import Noise

LARGEST = 1e5
"""Concentrations end here: beyond, single precision cannot tell two points apart."""


class Posterior(Protocol):
    """A distribution of latents for each of a batch."""

    @property
    def centre(self) -> Tensor:
        """Its mean direction or mean, (*batch, width)."""
        ...

    def draw(self, sample_shape: Sequence[int], source: Source, gradient: Gradient) -> Draw:
        """Return latents (*sample, *batch, width) with what their gradient needs."""
        ...

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-densities of latents (…, width)."""
        ...

    def kl_to_prior(self) -> Tensor:
        """Return the divergence from the prior, (*batch)."""
        ...

    def entropy(self) -> Tensor:
        """Return the differential entropy, (*batch)."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Independent normal numbers, (*batch, d) means and standard deviations."""

    centre: Tensor
    deviation: Tensor

    def draw(self, sample_shape: Sequence[int], source: Source, gradient: Gradient) -> Draw:
        """Return μ + σε: its path is the exact gradient, whichever is asked for."""
        *batch, width = self.centre.shape
        first, *rest = batch
        noise = draws_from(source, self.centre.device).normal(
            first, *rest, math.prod(sample_shape), width
        )
        z = self.centre + self.deviation * to_front(noise.to(self.centre), batch, sample_shape)
        return Draw(z, None, torch.ones(z.shape[:-1], dtype=torch.int64, device=z.device))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log N(z; μ, σ²), summed over coordinates."""
        scaled = (value - self.centre) / self.deviation
        return _log_normal(scaled) - self.deviation.log().sum(-1)

    def kl_to_prior(self) -> Tensor:
        """Return KL(N(μ, σ²) ‖ N(0, 1)), summed over coordinates."""
        variance = self.deviation.square()
        return 0.5 * (self.centre.square() + variance - 1 - variance.log()).sum(-1)

    def entropy(self) -> Tensor:
        """Return Σ log σ + d/2 log 2πe."""
        return (self.deviation.log() + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)


@dataclass(frozen=True)
class OnSphere:
    """A distribution around an axis of the sphere."""

    law: Axial

    @property
    def centre(self) -> Tensor:
        """The axis μ, (*batch, d + 1)."""
        return self.law.loc

    def draw(self, sample_shape: Sequence[int], source: Source, gradient: Gradient) -> Draw:
        """Return points of the sphere."""
        return self.law.draw(sample_shape, source, gradient)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-densities with respect to the sphere's area."""
        return self.law.log_prob(value)

    def kl_to_prior(self) -> Tensor:
        """Return the divergence from the uniform distribution."""
        return self.law.kl_to_uniform()

    def entropy(self) -> Tensor:
        """Return the entropy on the sphere."""
        return log_sphere_area(self.law.dim) - self.law.kl_to_uniform()


class NormalLatent(Settings):
    """The plane R^d: prior N(0, I), posteriors N(μ, σ²) (the N-VAE).

    Attributes:
        dim: d.
    """

    kind: Literal["normal"] = "normal"
    dim: PositiveInt = 2
    spherical: ClassVar[bool] = False

    @property
    def width(self) -> int:
        """How many numbers a latent has, and a location."""
        return self.dim

    @property
    def spread(self) -> int:
        """How many numbers say how wide a posterior is."""
        return self.dim

    def posterior(self, location: Tensor, spread: Tensor) -> Posterior:
        """Return N(location, softplus(spread)²) for (*batch, d) each."""
        return Gaussian(location, F.softplus(spread) + 1e-6)

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return latents (n, d); below 1, ``truncation`` draws them towards the origin."""
        return truncation * noise.normal(n, self.dim)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log N(z; 0, I), (…)."""
        return _log_normal(z)


class _SphericalLatent(Settings):
    """The sphere S^d in R^{d+1}: uniform prior, posteriors around an axis.

    Attributes:
        dim: d, of the sphere itself: the circle has 1.
        offset: added to softplus in κ; 1 in the authors' code, where it prevents collapse.
        fixed_scale: κ for all data; null: the encoder says it. Fixed, the divergence is constant.
    """

    dim: PositiveInt = 2
    offset: float = Field(default=1.0, ge=0)
    fixed_scale: float | None = Field(default=None, gt=0)
    spherical: ClassVar[bool] = True
    family: ClassVar[type[Axial]]

    @property
    def width(self) -> int:
        """How many numbers a latent has: d + 1."""
        return self.dim + 1

    @property
    def spread(self) -> int:
        """One number says how wide a posterior is."""
        return 1

    def posterior(self, location: Tensor, spread: Tensor) -> Posterior:
        """Return the posterior for locations (*batch, d + 1) and spreads (*batch, 1).

        Its axis is the direction of the location, its κ is softplus(spread) + offset.
        """
        if self.fixed_scale is None:
            scale = (F.softplus(spread.squeeze(-1)) + self.offset).clamp(max=LARGEST)
        else:
            scale = torch.full_like(spread.squeeze(-1), self.fixed_scale)
        return OnSphere(self.family(F.normalize(location, dim=-1), scale, validate_args=False))

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return points (n, d + 1), uniform on the sphere.

        Raises:
            UsageError: truncation is asked for.
        """
        if truncation != 1:
            raise UsageError("a sphere has no middle to draw latents to: leave truncation at 1")
        return F.normalize(noise.normal(n, self.width), dim=-1)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return minus the logarithm of the sphere's area, (…)."""
        return z.new_full(z.shape[:-1], -log_sphere_area(self.width))


class VMFLatent(_SphericalLatent):
    """Von Mises–Fisher posteriors (the S-VAE)."""

    kind: Literal["vmf"] = "vmf"
    family: ClassVar[type[Axial]] = VonMisesFisher


class PowerSphericalLatent(_SphericalLatent):
    """Power Spherical posteriors."""

    kind: Literal["power-spherical"] = "power-spherical"
    family: ClassVar[type[Axial]] = PowerSpherical


Latent = Annotated[
    NormalLatent | VMFLatent | PowerSphericalLatent,
    Field(discriminator="kind"),
]
"""Any latent space; told apart by ``kind``."""


def _log_normal(z: Tensor) -> Tensor:
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
