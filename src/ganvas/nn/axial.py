"""Distributions on the sphere around one axis, and three ways to differentiate their samples.

The density is C(κ) exp(κ T(μᵀz)) with a statistic T of the family. Only ω = μᵀz is hard to draw.
Points of a sphere in R^m drawn uniformly have a first coordinate x; the map
ω = (x₀ + x) / (1 + x₀ x) crowds them around the pole, and a proposal is accepted or rejected (Wood
1994, Ulrich 1984; x = 1 − 2ε with ε of the paper's Beta distribution).

Instead of ω, which single precision rounds to 1, its distance w = 1 − ω is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Size, Tensor
from torch.distributions import (
    Distribution,
    constraints,
    register_kl,  # pyright: ignore[reportUnknownVariableType]
)

from ganvas.nn.bessel import log_sphere_area
from ganvas.nn.drawing import Draws, Source, draws_from
from ganvas.nn.sphere import HypersphericalUniform, to_front, together, turn_to

Gradient = Literal["corrected", "path", "implicit"]
"""How samples depend on κ.

"corrected": through the accepted proposal, plus the term for the proposals' own dependence on κ
(Naesseth et al. 2017), which needs the loss: see `Draw.correction`. "path": without that term,
biased, as in the authors' code. "implicit": by the derivative of the distribution function
(Figurnov et al. 2018); exact, and nothing has to be added.
"""

PROPOSALS = 32
"""Proposals for each sample, all drawn at once: no loop and no synchronisation.

At least 0.65 of them are accepted, so that none is has a probability below 1e-14; the first then
stands in.
"""

NODES = 48
"""Nodes of the quadrature behind implicit derivatives."""


class _Unit(constraints.Constraint):
    """Rows of norm 1."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        length: Tensor = value.square().sum(-1)
        return (length - 1).abs() < 1e-3


@dataclass(frozen=True)
class Draw:
    """Samples with what their gradient needs.

    Attributes:
        z: points (*sample, *batch, m), differentiable.
        score: log g(ω|κ) + log |∂ω/∂ε| of the accepted proposals, (*sample, *batch),
            differentiable in κ; None where the samples need no correction.
        proposals: how many each sample took, (*sample, *batch).
    """

    z: Tensor
    score: Tensor | None
    proposals: Tensor

    def correction(self, f: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
        """Return zeros whose gradient completes that of E f(z): the term g_cor, to be added to f.

        Args:
            f: (*sample, *batch), what the expectation is of.
            baseline: subtracted from f, and independent of the same sample: the score's mean is 0,
                so it lowers the variance and moves nothing.
        """
        if self.score is None:
            return torch.zeros_like(f)
        return (f - baseline).detach() * (self.score - self.score.detach())


class Axial(Distribution):
    """A distribution on the unit sphere in R^m, symmetric around ``loc``.

    Args:
        loc: μ (*batch, m), of norm 1.
        scale: concentration κ (*batch), at least 0; 0 is uniform.
        validate_args: check both (costs a synchronisation on an accelerator). Unlike torch's own
            default it does not depend on whether something was compiled in this process.
    """

    has_rsample: ClassVar[bool] = True

    def __init__(self, loc: Tensor, scale: Tensor, validate_args: bool = True) -> None:
        batch = together(loc.shape[:-1], scale.shape)
        self.loc = loc.expand(*batch, loc.shape[-1])
        self.scale = scale.expand(batch)
        self.dim = loc.shape[-1]
        super().__init__(batch, Size([self.dim]), validate_args)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """What μ and κ must be."""
        return {"loc": _Unit(), "scale": constraints.nonnegative}

    @property
    def support(self) -> constraints.Constraint:
        """The unit sphere."""
        return _Unit()

    # ---- what a family says of itself -----------------------------------------------------------

    def statistic(self, w: Tensor) -> Tensor:
        """Return T as a function of w = 1 − μᵀz."""
        raise NotImplementedError

    def mean_statistic(self) -> Tensor:
        """Return E T, (*batch): minus the derivative of the log-normaliser."""
        raise NotImplementedError

    def mean_length(self) -> Tensor:
        """Return E μᵀz, (*batch)."""
        raise NotImplementedError

    def log_normaliser(self) -> Tensor:
        """Return log C(κ), (*batch)."""
        raise NotImplementedError

    def tilt(self) -> tuple[Tensor, Tensor]:
        """Return the x₀ of the best proposals and 1 − x₀, (*batch) each, differentiable in κ."""
        raise NotImplementedError

    def log_acceptance(self, x: Tensor, above: Tensor, x0: Tensor, stretch: Tensor) -> Tensor:
        """Return the log-probability, at most 0, that a proposal is accepted.

        Args:
            x: the first coordinate of a uniform point.
            above: 1 + x.
            x0: see `tilt`.
            stretch: 1 + x₀ x.
        """
        raise NotImplementedError

    # ---- what follows ---------------------------------------------------------------------------

    @property
    def mean(self) -> Tensor:
        """E z, (*batch, m): it lies inside the sphere."""
        return self.mean_length().unsqueeze(-1) * self.loc

    @property
    def mode(self) -> Tensor:
        """The point of highest density: μ, (*batch, m)."""
        return self.loc

    def entropy(self) -> Tensor:
        """Return the differential entropy on the sphere, (*batch)."""
        return -self.log_normaliser() - self.scale * self.mean_statistic()

    def kl_to_uniform(self) -> Tensor:
        """Return the divergence from the uniform distribution, (*batch)."""
        return log_sphere_area(self.dim) - self.entropy()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of points (…, m) with respect to the sphere's area."""
        w = 1 - (self.loc * value).sum(-1)
        return self.log_normaliser() + self.scale * self.statistic(w)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Axial:
        """Return the distribution with a larger batch."""
        shape = Size(batch_shape)
        return type(self)(
            self.loc.expand(*shape, self.dim), self.scale.expand(shape), validate_args=False
        )

    def sample(self, sample_shape: Sequence[int] = (), source: Source = None) -> Tensor:
        """Return points (*sample, *batch, m) without gradients."""
        with torch.no_grad():
            return self.draw(sample_shape, source, "path").z

    def rsample(self, sample_shape: Sequence[int] = (), source: Source = None) -> Tensor:
        """Return points (*sample, *batch, m) whose gradients are exact by themselves."""
        return self.draw(sample_shape, source, "implicit").z

    def draw(
        self,
        sample_shape: Sequence[int] = (),
        source: Source = None,
        gradient: Gradient = "corrected",
    ) -> Draw:
        """Draw points (*sample, *batch, m), to be differentiated in the given way.

        The numbers drawn depend on shapes alone, and their first dimension is the batch's first:
        so each of several processes gets the samples that one alone would have drawn.
        """
        noise = draws_from(source, self.loc.device)
        w, score, proposals = self._radii(noise, math.prod(sample_shape), gradient)
        first, *rest = w.shape
        tangent = noise.normal(first, *rest, self.dim - 1).to(w)
        radius = (w * (2 - w)).clamp(min=1e-20).sqrt().unsqueeze(-1)
        point = torch.cat([1 - w.unsqueeze(-1), radius * F.normalize(tangent, dim=-1)], dim=-1)
        point = to_front(point, self.batch_shape, sample_shape)
        flat = (self.batch_shape, sample_shape, 0)
        return Draw(
            turn_to(self.loc, point),
            None if score is None else to_front(score, *flat),
            to_front(proposals, *flat),
        )

    def _radii(
        self, noise: Draws, count: int, gradient: Gradient
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return w, its score and the number of proposals, (batch, count) each."""
        if not self.batch_shape:
            alone = type(self)(self.loc[None], self.scale[None], validate_args=False)
            return alone._radii(noise, count, gradient)
        with torch.no_grad():
            below, above, proposals = self._accepted(noise, count)
        wide = self._with_samples()
        x0, distance = wide.tilt()
        stretch = distance + x0 * above
        w = distance * below / stretch
        if gradient == "implicit":
            w = w.detach()
            slope = wide._slope(w)
            return w + slope * (wide.scale - wide.scale.detach()), None, proposals
        if gradient == "path":
            return w, None, proposals
        # log g(ω|κ) + log |∂ω/∂ε|, where 1 − ω² = (1 − x²)(1 − x₀²) / (1 + x₀x)².
        density = wide.log_normaliser() + wide.scale * self.statistic(w)
        jacobian = (distance * (1 + x0)).log() - 2 * stretch.log()
        return w, density + 0.5 * (self.dim - 1) * jacobian, proposals

    def _accepted(self, noise: Draws, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return 1 − x and 1 + x of each sample's first accepted proposal, and its number."""
        first, *rest = self.batch_shape
        drawn = noise.uniform(first, *rest, count, PROPOSALS, 3).to(self.scale)
        below, above = _projected(drawn[..., 0], drawn[..., 1], self.dim)
        x = (above - below) / 2
        x0, distance = (t.unsqueeze(-1) for t in self._with_samples().tilt())
        accepted = self.log_acceptance(x, above, x0, distance + x0 * above) >= drawn[..., 2].log()
        chosen = accepted.to(torch.uint8).argmax(-1, keepdim=True)
        return (
            below.gather(-1, chosen).squeeze(-1),
            above.gather(-1, chosen).squeeze(-1),
            chosen.squeeze(-1) + 1,
        )

    def _with_samples(self) -> Axial:
        """Return the same distribution with a dimension for samples behind its batch."""
        return type(self)(self.loc.unsqueeze(-2), self.scale.unsqueeze(-1), validate_args=False)

    @torch.no_grad()
    def _slope(self, w: Tensor) -> Tensor:
        """Return dw/dκ at a fixed value of the distribution function, for w (*batch, n).

        With w = 1 − cos θ and p(θ) ∝ exp(κT) sin^{m−2} θ it is
        sin θ ∫_θ^π (T − E T) p(θ')/p(θ) dθ', or minus the integral from 0: whichever side is the
        tail, where the integrand falls off over a few widths of the density.
        """
        wide = type(self)(self.loc.double(), self.scale.double(), validate_args=False)
        kappa, mean = wide.scale, wide.mean_statistic()
        w = w.double()
        angle = 2 * (w / 2).clamp(0, 1).sqrt().asin()
        upper = w > 1 - wide.mean_length()
        room = torch.where(upper, math.pi - angle, angle)
        length = torch.minimum(room, 8 / (kappa / 2 + self.dim - 2 + 1e-3).sqrt())
        step = torch.where(upper, length, -length)
        total = torch.zeros_like(w)
        for node, weight in _legendre():
            there = angle + step * node
            near = 2 * (there / 2).sin().square()
            turn = (there.sin() / angle.sin().clamp(min=1e-30)).clamp(min=1e-30).log()
            growth = kappa * (wide.statistic(near) - wide.statistic(w)) + (self.dim - 2) * turn
            total += weight * (wide.statistic(near) - mean) * growth.exp()
        return (angle.sin() * total * length * torch.where(upper, 1, -1)).to(self.scale.dtype)


@cache
def _legendre() -> list[tuple[float, float]]:
    """Return nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return [(float(x + 1) / 2, float(w) / 2) for x, w in zip(nodes, weights, strict=True)]


def _projected(u: Tensor, v: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """Return 1 − x and 1 + x for the first coordinate x of a uniform point of the sphere in R^m.

    The first two coordinates have an angle 2πv, and one minus their squared length is u^{2/(m−2)}
    (Ulrich 1984), for uniform u and v. Neither result cancels, and neither is zero.
    """
    rest = torch.zeros_like(u) if m == 2 else u ** (2 / (m - 2))
    length = (1 - rest).sqrt()
    gap = rest / (1 + length)  # 1 − length
    below = gap + 2 * length * (math.pi * v).sin().square()
    above = gap + 2 * length * (math.pi * v).cos().square()
    return below.clamp(min=1e-30), above.clamp(min=1e-30)


@register_kl(Axial, HypersphericalUniform)
def _kl_axial_uniform(p: Axial, q: HypersphericalUniform) -> Tensor:
    return p.kl_to_uniform().expand(together(p.batch_shape, q.batch_shape))
