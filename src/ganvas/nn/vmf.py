"""Two families on the sphere: von Mises–Fisher, and the Power Spherical distribution."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import register_kl  # pyright: ignore[reportUnknownVariableType]

from ganvas.nn.axial import Axial, Gradient
from ganvas.nn.bessel import log_normaliser, mean_resultant_length, vmf_kl_to_uniform
from ganvas.nn.drawing import Draws


class VonMisesFisher(Axial):
    """VMF(μ, κ): density C_m(κ) exp(κ μᵀz) (Davidson et al. 2018, section 3).

    On the ordinary sphere, m = 3, samples have a closed form and need no correction.
    """

    def statistic(self, w: Tensor) -> Tensor:
        """Return μᵀz."""
        return 1 - w

    def mean_statistic(self) -> Tensor:
        """Return A_m(κ)."""
        return mean_resultant_length(self.dim, self.scale)

    def mean_length(self) -> Tensor:
        """Return A_m(κ)."""
        return mean_resultant_length(self.dim, self.scale)

    def log_normaliser(self) -> Tensor:
        """Return log C_m(κ)."""
        return log_normaliser(self.dim, self.scale)

    def kl_to_uniform(self) -> Tensor:
        """Return κA + log C_m(κ) + log S, free of cancellation."""
        return vmf_kl_to_uniform(self.dim, self.scale)

    def tilt(self) -> tuple[Tensor, Tensor]:
        """Return x₀ = 2κ/(m − 1 + c) with c = √(4κ² + (m − 1)²), and 1 − x₀ = 2b/(1 + b)."""
        p, kappa = self.dim - 1, self.scale
        c = (4 * kappa.square() + p**2).sqrt()
        b = p / (2 * kappa + c)
        return 2 * kappa / (p + c), 2 * b / (1 + b)

    def log_acceptance(self, x: Tensor, above: Tensor, x0: Tensor, stretch: Tensor) -> Tensor:
        """Return (m − 1)(ln t − t + …) of the paper's criterion, without its large terms."""
        return (self.dim - 1) * (x0 * x / stretch - stretch.log())

    def _radii(
        self, noise: Draws, count: int, gradient: Gradient
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        if self.dim != 3 or not self.batch_shape:
            return super()._radii(noise, count, gradient)
        first, *rest = self.batch_shape
        u = noise.uniform(first, *rest, count).to(self.scale)
        # A uniform number may be exactly 0 (once in 2²⁴), where w would have an infinite slope.
        edge = torch.finfo(u.dtype).eps / 2
        u = u.clamp(edge, 1 - edge)
        kappa = self.scale.unsqueeze(-1)
        # w = −log(u + (1 − u) exp(−2κ)) / κ, which tends to 2(1 − u) as κ → 0.
        inner = (1 - u) * torch.expm1(-2 * kappa.clamp(min=1e-6))
        w = -torch.log1p(inner) / kappa.clamp(min=1e-6)
        return w.clamp(max=2), None, torch.ones_like(u, dtype=torch.int64)


class PowerSpherical(Axial):
    """Density C (1 + μᵀz)^κ (De Cao & Aziz 2020): near vMF, without Bessel functions."""

    @property
    def _alpha(self) -> Tensor:
        return self.scale + self._beta

    @property
    def _beta(self) -> float:
        return (self.dim - 1) / 2

    def statistic(self, w: Tensor) -> Tensor:
        """Return log(1 + μᵀz)."""
        return (2 - w).clamp(min=1e-30).log()

    def mean_statistic(self) -> Tensor:
        """Return log 2 + ψ(α) − ψ(α + β)."""
        alpha = self._alpha
        return math.log(2) + torch.digamma(alpha) - torch.digamma(alpha + self._beta)

    def mean_length(self) -> Tensor:
        """Return (α − β)/(α + β)."""
        return self.scale / (self.scale + self.dim - 1)

    def log_normaliser(self) -> Tensor:
        """Return log C = −(α + β) log 2 − β log π − log Γ(α) + log Γ(α + β)."""
        alpha, beta = self._alpha, self._beta
        constant = -beta * math.log(math.pi)
        return (
            constant
            - (alpha + beta) * math.log(2)
            - torch.lgamma(alpha)
            + torch.lgamma(alpha + beta)
        )

    def tilt(self) -> tuple[Tensor, Tensor]:
        """Return x₀ = κ/(κ + m − 1), at which the best proposals touch the density."""
        total = self.scale + self.dim - 1
        return self.scale / total, (self.dim - 1) / total

    def log_acceptance(self, x: Tensor, above: Tensor, x0: Tensor, stretch: Tensor) -> Tensor:
        """Return κ log(1 + x) − (κ + m − 1) log(1 + x₀x)."""
        kappa = self.scale.unsqueeze(-1).unsqueeze(-1)
        return kappa * above.log() - (kappa + self.dim - 1) * stretch.log()


@register_kl(VonMisesFisher, VonMisesFisher)
def _kl_vmf_vmf(p: VonMisesFisher, q: VonMisesFisher) -> Tensor:
    """E_p[log p − log q] = log C_p − log C_q + A_p (κ_p − κ_q μ_pᵀμ_q)."""
    along = p.scale - q.scale * (p.loc * q.loc).sum(-1)
    return p.log_normaliser() - q.log_normaliser() + p.mean_length() * along
