"""Modified Bessel functions of any order, and the normaliser of the von Mises–Fisher density.

Everything is elementwise arithmetic of tensors, on whatever device they lie, and accurate from
two dimensions to thousands. With ν = m/2 − 1 for the sphere in m dimensions, all of it follows
from ρ_ν(κ) = I_{ν+1}(κ) / (κ I_ν(κ)) and log ₀F₁(; ν + 1; κ²/4), the logarithm of I_ν(κ) over its
behaviour at zero. Neither underflows, neither has a singularity at κ = 0.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ORDER = 10
"""From this order on Olver's expansion is used; lower orders are reached by recurrence."""

TERMS = 6
"""Terms of Olver's expansion: what is left out is below 1e-8 at order 10."""


def log_bessel(order: float, kappa: Tensor) -> Tensor:
    """Return log I_ν(κ), elementwise, for order ν >= 0 and κ > 0; its derivative is exact."""
    series = -_LogNormaliser.of(2 * order + 2, kappa)
    return series + order * (kappa / 2).log() - math.lgamma(order + 1)


def mean_resultant_length(m: int, kappa: Tensor) -> Tensor:
    """Return A_m(κ) = I_{m/2}(κ) / I_{m/2−1}(κ), in [0, 1): the length of the mean of vMF(μ, κ).

    Its derivative is A' = 1 − A² − (m − 1) A/κ, and is differentiable itself.
    """
    return _MeanLength.of(m, kappa)


def log_normaliser(m: int, kappa: Tensor) -> Tensor:
    """Return log C_m(κ), elementwise: the vMF density on the sphere in R^m is C exp(κ μᵀz).

    C_m(κ) = κ^{m/2−1} / ((2π)^{m/2} I_{m/2−1}(κ)); the derivative is −A_m(κ). At κ = 0 it is the
    uniform log-density.

    Args:
        m: dimension of the space around the sphere, at least 2.
        kappa: concentrations, at least 0. Computed in double precision, returned in their own.
    """
    return _LogNormaliser.of(m, kappa)


def vmf_kl_to_uniform(m: int, kappa: Tensor) -> Tensor:
    """Return KL(vMF(μ, κ) ‖ uniform) = κA + log C_m(κ) + log S, elementwise.

    Its derivative is κ A'(κ) (the paper's Eq. 21; its Eq. 6 has a wrong sign).
    """
    return _KLToUniform.of(m, kappa)


def log_sphere_area(m: int) -> float:
    """Return log S, the logarithm of the area of the unit sphere in R^m."""
    return math.log(2) + m / 2 * math.log(math.pi) - math.lgamma(m / 2)


# ---- derivatives --------------------------------------------------------------------------------
# Each function keeps the derivative that its value gives for nothing. Only a backward pass that is
# to be differentiated itself goes through the derivative's own function.


class _MeanLength(torch.autograd.Function):
    """A_m(κ)."""

    @staticmethod
    def of(m: float, kappa: Tensor) -> Tensor:
        return cast(Tensor, _MeanLength.apply(kappa, m))

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, m: float) -> Tensor:
        wide = _wide(kappa)
        rho, _ = _expand(m / 2 - 1, wide)
        ctx.m = m
        ctx.save_for_backward(kappa, _slope(m, wide, rho).to(kappa.dtype))
        return (wide * rho).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        kappa, slope = ctx.saved_tensors
        return grad * (_Slope.of(ctx.m, kappa) if torch.is_grad_enabled() else slope), None


class _Slope(torch.autograd.Function):
    """A'_m(κ), kept apart because its terms cancel: single precision would lose it."""

    @staticmethod
    def of(m: float, kappa: Tensor) -> Tensor:
        return cast(Tensor, _Slope.apply(kappa, m))

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, m: float) -> Tensor:
        wide = _wide(kappa)
        rho, _ = _expand(m / 2 - 1, wide)
        slope = _slope(m, wide, rho)
        # A'' = −2AA' − (m − 1) (A' − A/κ) / κ, which is 0 at κ = 0.
        bend = -2 * wide * rho * slope - (m - 1) * (slope - rho) / wide.clamp(min=1e-12)
        ctx.save_for_backward(bend.to(kappa.dtype))
        return slope.to(kappa.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (bend,) = ctx.saved_tensors
        return grad * bend, None


class _LogNormaliser(torch.autograd.Function):
    """log C_m(κ) for a whole m; −log ₀F₁ alone for another one."""

    @staticmethod
    def of(m: float, kappa: Tensor) -> Tensor:
        return cast(Tensor, _LogNormaliser.apply(kappa, m))

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, m: float) -> Tensor:
        wide = _wide(kappa)
        rho, series = _expand(m / 2 - 1, wide)
        ctx.m = m
        ctx.save_for_backward(kappa, (wide * rho).to(kappa.dtype))
        offset = log_sphere_area(m) if isinstance(m, int) else 0.0
        return (-series - offset).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        kappa, length = ctx.saved_tensors
        return -grad * (_MeanLength.of(ctx.m, kappa) if torch.is_grad_enabled() else length), None


class _KLToUniform(torch.autograd.Function):
    """κA − log ₀F₁, in one pass and without the cancellation of single precision."""

    @staticmethod
    def of(m: float, kappa: Tensor) -> Tensor:
        return cast(Tensor, _KLToUniform.apply(kappa, m))

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, m: float) -> Tensor:
        wide = _wide(kappa)
        rho, series = _expand(m / 2 - 1, wide)
        ctx.m = m
        ctx.save_for_backward(kappa, (wide * _slope(m, wide, rho)).to(kappa.dtype))
        return (wide.square() * rho - series).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        kappa, slope = ctx.saved_tensors
        return grad * (kappa * _Slope.of(ctx.m, kappa) if torch.is_grad_enabled() else slope), None


# ---- values -------------------------------------------------------------------------------------


def _wide(kappa: Tensor) -> Tensor:
    """Return κ in double precision, where its device has that."""
    return kappa if kappa.device.type == "mps" else kappa.double()


def _slope(m: float, kappa: Tensor, rho: Tensor) -> Tensor:
    """A' = 1 − A² − (m − 1) A/κ."""
    return 1 - (kappa * rho).square() - (m - 1) * rho


def _expand(order: float, kappa: Tensor) -> tuple[Tensor, Tensor]:
    """Return ρ_ν(κ) and log ₀F₁(; ν + 1; κ²/4)."""
    steps = max(math.ceil(ORDER - order), 0)
    rho, value = _olver(order + steps, kappa)
    square = kappa.square()
    passed: list[Tensor] = []
    for j in range(steps, 0, -1):  # I_{w−1} = (2w/κ) I_w + I_{w+1} at w = ν + j
        rho = (square * rho).add_(2 * (order + j)).reciprocal_()
        passed.append(rho)
    if passed:
        value = value - torch.stack(passed).log().sum(0)
    return rho, value + math.lgamma(order + 1) + order * math.log(2)


def _olver(order: float, kappa: Tensor) -> tuple[Tensor, Tensor]:
    """Return ρ_w(κ) and log (I_w(κ) / κ^w) by Olver's expansion for large orders (DLMF 10.41.3).

    With s = √(w² + κ²): log I_w = s + w log(κ/(w + s)) − ½ log(2πs) + log Σ_k U_k(w/s) / w^k.
    The quotient of two orders is formed from differences that do not cancel.
    """
    root, above = (kappa.square() + w**2 for w in (order, order + 1))
    root, above = root.sqrt(), above.sqrt()
    step = (2 * order + 1) / (root + above)  # above − root
    tail, tail_above = _tail(order, order / root), _tail(order + 1, (order + 1) / above)
    value = root - order * (order + root).log() - 0.5 * (2 * math.pi * root).log() + tail
    log_rho = (
        step
        - (order + 1 + above).log()
        - order * ((1 + step) / (order + root)).log1p()
        - 0.5 * (step / root).log1p()
        + (tail_above - tail)
    )
    return log_rho.exp(), value


def _tail(order: float, p: Tensor) -> Tensor:
    """Return log Σ_k U_k(p) / w^k, by Horner's rule."""
    first, *rest = _coefficients(order)
    total = torch.full_like(p, first)
    for coefficient in rest:
        total.mul_(p).add_(coefficient)
    return total.mul_(p).log1p_()


@cache
def _coefficients(order: float) -> tuple[float, ...]:
    """Return the coefficients of Σ_{k>0} U_k(p) / (p w^k), highest power of p first."""
    total = [0.0] * (3 * TERMS + 1)
    for k, polynomial in enumerate(_debye()[1:], 1):
        for power, coefficient in enumerate(polynomial):
            total[power] += float(coefficient) / order**k
    return tuple(reversed(total[1:]))


@cache
def _debye() -> list[list[Fraction]]:
    """Return the polynomials U_0 … U_TERMS, lowest power first (DLMF 10.41.9).

    U_{k+1}(p) = ½ p² (1 − p²) U_k'(p) + ⅛ ∫_0^p (1 − 5t²) U_k(t) dt.
    """
    found = [[Fraction(1)]]
    for _ in range(TERMS):
        new = [Fraction(0)] * (len(found[-1]) + 3)
        for power, c in enumerate(found[-1]):
            new[power + 1] += c * power / 2 + c / (8 * (power + 1))
            new[power + 3] -= c * power / 2 + 5 * c / (8 * (power + 3))
        found.append(new)
    return found
