"""Bessel functions of any order: high-precision values, derivatives, limits."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from torch import Tensor

from ganvas.nn import (
    log_bessel,
    log_normaliser,
    log_sphere_area,
    mean_resultant_length,
    vmf_kl_to_uniform,
)

DIMENSIONS = (2, 3, 4, 5, 11, 20, 21, 22, 23, 64, 257, 1024, 4096)
CONCENTRATIONS = torch.logspace(-3, 5, 13).tolist()  # all exact in single precision


@cache
def exact(m: int, kappa: float) -> tuple[float, float, float, float]:
    """Return log C_m, A_m, A'_m and the divergence from uniform, to forty digits."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(40):
        k, half = mp.mpf(kappa), mp.mpf(m) / 2
        below, above = (mp.besseli(v, k, maxterms=10**6) for v in (half - 1, half))
        length = above / below
        log_c = (half - 1) * mp.log(k) - half * mp.log(2 * mp.pi) - mp.log(below)
        area = mp.log(2) + half * mp.log(mp.pi) - mp.loggamma(half)
        slope = 1 - length**2 - (m - 1) * length / k
        divergence = k * length + log_c + area
        return float(log_c), float(length), float(slope), float(divergence)


@pytest.mark.parametrize("m", DIMENSIONS)
def test_values_agree_with_high_precision(m: int) -> None:
    for kappa in CONCENTRATIONS:
        log_c, length, slope, divergence = exact(m, kappa)
        k = torch.tensor(kappa, dtype=torch.float64, requires_grad=True)
        found = mean_resultant_length(m, k)
        (derivative,) = torch.autograd.grad(found, k)
        assert abs(log_normaliser(m, k).item() - log_c) < 1e-7 * max(1, abs(log_c))
        assert found.item() == pytest.approx(length, rel=1e-8)
        assert derivative.item() == pytest.approx(slope, rel=1e-4)
        assert vmf_kl_to_uniform(m, k).item() == pytest.approx(divergence, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("m", DIMENSIONS)
def test_single_precision_is_enough(m: int) -> None:
    k = torch.tensor(CONCENTRATIONS)
    wanted = [exact(m, kappa)[0] for kappa in CONCENTRATIONS]
    for got, log_c in zip(log_normaliser(m, k).tolist(), wanted, strict=True):
        assert abs(got - log_c) < 1e-5 * max(1, abs(log_c))


def test_known_values() -> None:
    def at(kappa: float) -> Tensor:
        return torch.tensor(kappa, dtype=torch.float64)

    assert log_normaliser(256, at(1)).item() == pytest.approx(344.33292, abs=1e-5)
    for m, kappa, length in (
        (3, 10, 0.9000000041),
        (5, 2, 0.3611067),
        (2, 1, 0.44639),
        (11, 10, 0.6049227),
    ):
        assert mean_resultant_length(m, at(kappa)).item() == pytest.approx(length, abs=1e-7)
    divergences = {
        (2, 1): 0.210476,
        (3, 1): 0.151596,
        (3, 10): 1.995732,
        (5, 2): 0.342699,
        (11, 10): 2.438345,
        (33, 50): 12.284461,
        (101, 100): 24.098230,
    }
    for (m, kappa), value in divergences.items():
        assert vmf_kl_to_uniform(m, at(kappa)).item() == pytest.approx(value, abs=1e-6)
    for kappa in (0.01, 1.0, 20.0):  # C_3 = κ / (4π sinh κ)
        closed = math.log(kappa / (4 * math.pi * math.sinh(kappa)))
        assert log_normaliser(3, at(kappa)).item() == pytest.approx(closed, abs=1e-8)
    assert log_bessel(0.5, at(2)).item() == pytest.approx(
        math.log(math.sqrt(1 / math.pi) * math.sinh(2)), abs=1e-8
    )


@pytest.mark.parametrize("m", [2, 3, 5, 40, 4096])
def test_derivatives_are_exact(m: int) -> None:
    k = torch.tensor([0.3, 2.0, 17.0, 300.0], dtype=torch.float64, requires_grad=True)
    for function in (log_normaliser, mean_resultant_length, vmf_kl_to_uniform):
        assert torch.autograd.gradcheck(lambda x, f=function: f(m, x), k, eps=1e-5, atol=1e-6)
    assert torch.autograd.gradgradcheck(lambda x: log_normaliser(m, x), k, eps=1e-4, atol=1e-6)
    assert torch.autograd.gradgradcheck(lambda x: vmf_kl_to_uniform(m, x), k, eps=1e-4, atol=1e-6)


def test_the_divergence_has_the_papers_derivative() -> None:
    k = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(vmf_kl_to_uniform(5, k), k)
    assert slope.item() == pytest.approx(0.2947774, abs=1e-7)
    single = torch.tensor(1e4, requires_grad=True)
    (slope,) = torch.autograd.grad(vmf_kl_to_uniform(5, single), single)
    assert slope.item() == pytest.approx(1e4 * exact(5, 1e4)[2], rel=1e-4)


@pytest.mark.parametrize("m", [2, 3, 100, 4096])
def test_everything_is_finite_down_to_no_concentration(m: int) -> None:
    k = torch.tensor([0.0, 1e-30, 1e-3, 1.0, 1e5], requires_grad=True)
    for function in (log_normaliser, mean_resultant_length, vmf_kl_to_uniform):
        value = function(m, k)
        (slope,) = torch.autograd.grad(value.sum(), k)
        assert value.isfinite().all()
        assert slope.isfinite().all()
    assert log_normaliser(m, k)[0].item() == pytest.approx(-log_sphere_area(m), rel=1e-6)
    assert mean_resultant_length(m, k)[0] == 0
    assert abs(vmf_kl_to_uniform(m, k)[0]) < 1e-9
    (slope,) = torch.autograd.grad(mean_resultant_length(m, k)[0], k)
    assert slope[0].item() == pytest.approx(1 / m, rel=1e-5)


def test_the_divergence_grows_and_the_area_is_largest_in_seven_dimensions() -> None:
    k = torch.logspace(-3, 5, 200, dtype=torch.float64)
    assert (vmf_kl_to_uniform(7, k).diff() > 0).all()
    assert max(range(1, 40), key=log_sphere_area) == 7
