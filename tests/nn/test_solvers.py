"""Solvers of differential equations against closed forms, differences and other libraries."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from ganvas.nn import (
    along,
    euler_maruyama,
    integrate,
    integrate_adjoint,
    integrate_tanh,
    runge_kutta,
    stochastic_steps,
)

FRAMES = [k / 15 for k in range(16)]


def field(width: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(width, 7), nn.Tanh(), nn.Linear(7, width)).double()


def start(n: int = 3, width: int = 4) -> Tensor:
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_fifteen_steps_of_decay_have_the_known_error():
    path = integrate(lambda y: -y, torch.ones(1, 1, dtype=torch.float64), FRAMES, 1 / 15)
    assert path[0, -1].item() == pytest.approx(0.3678795, abs=5e-8)
    assert abs(path[0, -1].item() - math.exp(-1)) == pytest.approx(6.4e-8, rel=0.02)


def test_half_the_step_has_a_sixteenth_of_the_error():
    one = torch.ones(1, 1, dtype=torch.float64)
    errors = [
        abs(integrate(lambda y: -y, one, [1.0], 1 / n).item() - math.exp(-1)) for n in (8, 16, 32)
    ]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(16, rel=0.1)


def test_a_step_is_kuttas_three_eighths_rule():
    """Its weights and nodes, of a slope that tells every stage apart."""
    h, y, stages = 0.3, 0.7, list[float]()

    def slope(at: Tensor) -> Tensor:
        stages.append(at.item())
        return at**2

    found = runge_kutta(slope, torch.tensor([[y]], dtype=torch.float64), h).item()
    k1 = y**2
    k2 = (y + h * k1 / 3) ** 2
    k3 = (y + h * (k2 - k1 / 3)) ** 2
    k4 = (y + h * (k1 - k2 + k3)) ** 2
    assert stages == pytest.approx(
        [y, y + h * k1 / 3, y + h * (k2 - k1 / 3), y + h * (k1 - k2 + k3)]
    )
    assert found == pytest.approx(y + h * (k1 + 3 * k2 + 3 * k3 + k4) / 8)


def test_looking_more_often_changes_nothing_at_the_times_looked_at_before():
    f, y = field(), start()
    coarse = integrate(f, y, FRAMES, 1 / 15)
    dense = integrate(f, y, [k / 60 for k in range(61)], 1 / 15)
    assert torch.equal(dense[:, ::4], coarse)
    finer = integrate(f, y, FRAMES, 1 / 60)  # another grid: another error, of the same order
    assert (finer - coarse).abs().max() < 1e-6
    exact = integrate(f, y, [k / 60 for k in range(61)], 1 / 240)
    assert (dense - exact).abs().max() < 1e-6  # between nodes as well


def test_forward_and_back_leads_home():
    f, y = field(), start()
    there = integrate(f, y, [1.0], 1 / 15)[:, 0]
    assert (integrate(f, there, [-1.0], 1 / 15)[:, 0] - y).abs().max() < 1e-6
    both = integrate(f, y, [-0.5, 0.0, 0.5], 1 / 15)
    assert torch.equal(both[:, 1], y)
    assert torch.equal(both[:, 0], integrate(f, y, [-0.5], 1 / 15)[:, 0])


def test_gradients_are_those_of_differences_and_of_the_adjoint():
    f, y = field(), start().requires_grad_()
    weights = torch.randn(3, 16, 4, dtype=torch.float64)

    def loss(path: Tensor) -> Tensor:
        return (path * weights).sum()

    plain = torch.autograd.grad(loss(integrate(f, y, FRAMES, 1 / 15)), [y, *f.parameters()])
    adjoint = torch.autograd.grad(
        loss(integrate_adjoint(f, y, FRAMES, 1 / 15)), [y, *f.parameters()]
    )
    for a, b in zip(plain, adjoint, strict=True):
        assert (a - b).norm() / a.norm() < 1e-4
    weight, h = f[0].weight, 1e-6
    with torch.no_grad():
        weight[2, 1] += h
        above = loss(integrate(f, y, FRAMES, 1 / 15))
        weight[2, 1] -= 2 * h
        below = loss(integrate(f, y, FRAMES, 1 / 15))
    assert plain[1][2, 1].item() == pytest.approx(((above - below) / (2 * h)).item(), rel=1e-6)


@pytest.mark.parametrize("two", [True, False])
def test_a_slope_of_tanh_is_followed_in_fewer_operations_with_the_same_gradients(two):
    inner, _, outer = field()
    f = nn.Sequential(inner, nn.Tanh(), outer)
    if not two:
        inner, outer = nn.Linear(4, 4).double(), None
        f = nn.Sequential(inner, nn.Tanh())
    y, weights = start().requires_grad_(), torch.randn(3, 16, 4, dtype=torch.float64)
    plain, fast = integrate(f, y, FRAMES, 1 / 15), integrate_tanh(inner, outer, y, 15, 1 / 15)
    assert (plain - fast).abs().max() < 1e-14
    wanted, found = (
        torch.autograd.grad((path * weights).sum(), [y, *f.parameters()]) for path in (plain, fast)
    )
    for a, b in zip(wanted, found, strict=True):
        assert (a - b).abs().max() < 1e-12 * a.abs().max()


@pytest.mark.slow
def test_rk4_is_torchdiffeqs():
    odeint = pytest.importorskip("torchdiffeq").odeint
    f, y = field(), start()
    times = torch.tensor(FRAMES, dtype=torch.float64)
    theirs = odeint(lambda _, at: f(at), y, times, method="rk4")
    assert (integrate(f, y, FRAMES, 1 / 15) - theirs.transpose(0, 1)).abs().max() < 1e-12


@pytest.mark.slow
def test_euler_is_torchsdes_on_the_same_increments():
    torchsde = pytest.importorskip("torchsde")
    torch.manual_seed(2)
    drift, diffusion = field(), field()

    class Both(nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, _: Tensor, y: Tensor) -> Tensor:
            return drift(y)

        def g(self, _: Tensor, y: Tensor) -> Tensor:
            return 0.3 * diffusion(y)

    y, times = start(), torch.tensor(FRAMES, dtype=torch.float64)
    bm = torchsde.BrownianInterval(0.0, 1.0, size=(3, 4), dtype=torch.float64, entropy=3)
    with torch.no_grad():
        theirs = torchsde.sdeint(Both(), y, times, bm=bm, method="euler", dt=0.025)
        nodes = [min(k * 0.025, 1.0) for k in range(41)]
        steps = [bm(a, b) / math.sqrt(0.025) for a, b in pairwise(nodes)]
        mine = euler_maruyama(
            drift, lambda at: 0.3 * diffusion(at), y, FRAMES, 0.025, torch.stack(steps, 1)
        )
    assert (mine - theirs.transpose(0, 1)).abs().max() < 1e-8  # their nodes are sums of dt


def test_without_noise_it_is_eulers_rule():
    f, y = field(), start()
    normals = torch.randn(3, 40, 4, dtype=torch.float64)
    path = euler_maruyama(f, torch.zeros_like, y, [0.0, 0.5, 1.0], 0.025, normals)
    state = y
    for step in range(40):
        if step == 20:
            assert torch.allclose(path[:, 1], state, atol=1e-12)
        state = state + 0.025 * f(state)
    assert torch.equal(path[:, 0], y)
    assert torch.allclose(path[:, 2], state, atol=1e-12)


def test_brownian_motion_has_its_variances():
    """At 1/15, between nodes at .05 and .075, straight lines vary less than the motion itself."""
    n = 40_000
    normals = torch.randn(n, 40, 1, generator=torch.Generator().manual_seed(0))
    zero = torch.zeros(n, 1)
    path = euler_maruyama(torch.zeros_like, torch.ones_like, zero, FRAMES, 0.025, normals)
    variances = path[..., 0].var(0)
    assert variances[0] == 0
    assert variances[1].item() == pytest.approx(0.05 + 0.025 * (2 / 3) ** 2, rel=0.03)
    assert variances[-1].item() == pytest.approx(1.0, rel=0.03)


def test_the_last_time_is_hit_by_a_shorter_step():
    times = [0.0, 0.06]
    assert stochastic_steps(times, 0.025) == 3
    n = 40_000
    normals = torch.randn(n, 3, 1, generator=torch.Generator().manual_seed(0))
    zero = torch.zeros(n, 1)
    path = euler_maruyama(torch.zeros_like, torch.ones_like, zero, times, 0.025, normals)
    assert path[:, 1, 0].var().item() == pytest.approx(0.06, rel=0.03)


def test_a_path_is_straight_between_its_own_times():
    path = torch.randn(2, 4, 3)
    found = along(path, [0, 0.25, 1.0, 2.5, 3.0])
    assert torch.equal(found[:, [0, 2, 4]], path[:, [0, 1, 3]])
    assert torch.allclose(found[:, 1], 0.75 * path[:, 0] + 0.25 * path[:, 1])
    assert torch.allclose(found[:, 3], (path[:, 2] + path[:, 3]) / 2)
