"""The unit sphere: random numbers for it, its uniform distribution, and turning one pole to a mean.

A sphere in R^m has m − 1 dimensions; its points are rows of m numbers of norm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from ganvas.nn.bessel import log_sphere_area
from ganvas.nn.drawing import Source, draws_from


class HypersphericalUniform(Distribution):
    """The uniform distribution on the unit sphere.

    Args:
        dim: m, of the space around the sphere; the sphere has m − 1 dimensions.
        batch_shape: of independent copies.
        device, dtype: of what is drawn.
    """

    def __init__(
        self,
        dim: int,
        batch_shape: Sequence[int] = (),
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> None:
        self.dim = dim
        self.device = torch.device(device)
        self.dtype = dtype or torch.get_default_dtype()
        super().__init__(Size(batch_shape), Size([dim]), validate_args=False)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """Nothing to be constrained."""
        return {}

    @property
    def mean(self) -> Tensor:
        """The origin, (*batch, m)."""
        return self._full(0.0).unsqueeze(-1).expand(*self.batch_shape, self.dim)

    def entropy(self) -> Tensor:
        """Return log S, (*batch)."""
        return self._full(log_sphere_area(self.dim))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −log S for points (…, m)."""
        shape = together(value.shape[:-1], self.batch_shape)
        return value.new_full(shape, -log_sphere_area(self.dim))

    def rsample(self, sample_shape: Sequence[int] = (), source: Source = None) -> Tensor:
        """Return points (*sample, *batch, m)."""
        first, *rest = *self.batch_shape, *([] if self.batch_shape else [1])
        count = math.prod(sample_shape)
        normal = draws_from(source, self.device).normal(first, *rest, count, self.dim)
        points = F.normalize(normal.to(self.dtype), dim=-1)
        return to_front(points, self.batch_shape, sample_shape)

    def sample(self, sample_shape: Sequence[int] = (), source: Source = None) -> Tensor:
        """Return points (*sample, *batch, m)."""
        return self.rsample(sample_shape, source)

    def _full(self, value: float) -> Tensor:
        return torch.full(self.batch_shape, value, device=self.device, dtype=self.dtype)


def together(*shapes: Sequence[int]) -> Size:
    """Return the shape to which these shapes broadcast."""
    # torch's own function imports all of sympy, a second's work.
    return Size(np.broadcast_shapes(*map(tuple, shapes)))


def to_front(
    x: Tensor, batch_shape: Sequence[int], sample_shape: Sequence[int], event: int = 1
) -> Tensor:
    """Return (batch, samples, *event) as (*sample, *batch, *event).

    Args:
        x: drawn with the batch in front, as the sources of random numbers want it.
        batch_shape: the wanted batch shape; () where x has a batch of one.
        sample_shape: the shape that x has as one number.
        event: how many dimensions an event has.
    """
    x = x.movedim(-1 - event, 0)
    return x.reshape(*sample_shape, *batch_shape, *x.shape[x.dim() - event :])


def turn_to(mean: Tensor, z: Tensor) -> Tensor:
    """Return points (…, m) turned so that the first axis becomes ``mean``: an orthogonal map.

    A Householder reflection in O(m). It reflects e1 to −μ or μ, whichever is farther, and changes
    the sign as needed: so nothing is divided by the distance of μ from a pole.
    """
    first = torch.zeros_like(mean)
    first[..., 0] = 1
    sign = torch.where(mean[..., :1] < 0, -1.0, 1.0).to(mean.dtype)
    u = first + sign * mean
    along = (u * z).sum(-1, keepdim=True) / (u * u).sum(-1, keepdim=True)
    return -sign * (z - 2 * along * u)


def geodesic(x: Tensor, y: Tensor) -> Tensor:
    """Return the angles arccos(xᵀy) between points (…, m) of the sphere, broadcasting."""
    return torch.acos((x * y).sum(-1).clamp(-1, 1))
