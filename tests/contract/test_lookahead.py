"""Lookahead against the real optimiser, and its derivative against finite differences."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ganvas.errors import GanvasError
from ganvas.games.parts.constraints.clip import Clip
from ganvas.games.parts.constraints.orthonormal import Orthonormal
from ganvas.games.parts.constraints.sphere import Sphere
from ganvas.games.parts.terms import History
from ganvas.nn import orthonormality
from ganvas.play import SGD, Adam, Noise, OptimiserConfig, Player, RMSProp, Turns

OPTIMISERS = [
    SGD(lr=0.1),
    SGD(lr=0.1, momentum=0.9),
    Adam(lr=0.05, beta1=0.5, beta2=0.9),
    RMSProp(lr=0.05),
]
LAZY = [0, 4]
"""Intervals of lazy turns: rate, betas, alpha and momentum are corrected by k/(k+1), if any."""


def made(settings: OptimiserConfig, lazy: int = 0) -> tuple[nn.Module, Player, Turns]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    player = Player(net, settings, lazy=lazy)
    turn = Turns({"d": player}, Noise(0))
    turn.hold()
    for _ in range(3):  # some history, so that live moments matter
        with turn("d") as d:
            d.minimise(net(X).square().mean())
    return net, player, turn


X = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
Y = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("lazy", LAZY)
@pytest.mark.parametrize("settings", OPTIMISERS, ids=repr)
def test_k_steps_ahead_equal_k_real_steps_and_leave_the_live_player_alone(
    settings: OptimiserConfig, lazy: int
) -> None:
    net, player, turn = made(settings, lazy)
    weights = copy.deepcopy(net.state_dict())
    moments = copy.deepcopy(player.optimiser.state_dict())
    ahead = turn.lookahead("d", lambda d: (d(X) - 1).square().mean(), steps=3)
    seen = ahead(Y)
    assert all(torch.equal(weights[k], v) for k, v in net.state_dict().items())
    for a, b in zip(
        moments["state"].values(), player.optimiser.state_dict()["state"].values(), strict=True
    ):
        assert all(torch.equal(a[k], b[k]) for k in a if isinstance(a[k], torch.Tensor))
    for _ in range(3):
        with turn("d") as d:
            d.minimise((net(X) - 1).square().mean())
    assert torch.allclose(seen, net(Y), rtol=0, atol=1e-10)


CONSTRAINTS = [Clip(bound=0.3), Sphere(radius=1.5)]


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=repr)
def test_steps_ahead_are_constrained_as_real_ones(constraint: Clip | Sphere) -> None:
    net, _, turn = made(Adam(lr=0.05, beta1=0.5, beta2=0.9))
    constraint.enforce(net)

    def loss(d: Callable[..., Any], shift: torch.Tensor) -> torch.Tensor:
        return (d(X + shift) - 1).square().mean()

    def through(shift: torch.Tensor) -> torch.Tensor:
        ahead = turn.lookahead("d", lambda d: loss(d, shift), 3, onto=constraint.onto)
        return ahead(Y + shift).square().mean()

    shift = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    seen = through(shift)
    (exact,) = torch.autograd.grad(seen, shift)
    numeric = torch.stack(
        [
            (through(shift + e) - through(shift - e)) / 2e-6
            for e in 1e-6 * torch.eye(3, dtype=torch.float64)
        ]
    )
    assert torch.allclose(exact, numeric, rtol=1e-4, atol=1e-7)
    for _ in range(3):
        with turn("d") as d:
            d.minimise(loss(net, shift.detach()))
        constraint.enforce(net)
    assert torch.allclose(seen, net(Y + shift).square().mean(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("settings", OPTIMISERS[1:3], ids=repr)
def test_what_weights_cost_is_part_of_the_steps_ahead(settings: OptimiserConfig) -> None:
    """Against steps of a copy whose loss has λ‖w − w̄‖² of a mean that stays, and orthonormality."""
    net, player, turn = made(settings)
    history = History(player.parameters, weight=0.7)
    rule = Orthonormal(weight=0.3)
    player.terms = {"history": history, "constraint": lambda _, at: rule.cost(net, at)}
    for _ in range(4):  # the past moves away from its mean
        with turn("d") as d:
            d.minimise((net(X) - 3).square().mean())
    before = copy.deepcopy(history.state_dict())

    def ahead(shift: torch.Tensor) -> torch.Tensor:
        network = turn.lookahead("d", lambda d: (d(X + shift) - 1).square().mean(), 3)
        return network(Y + shift).square().mean()

    def stepped(shift: torch.Tensor) -> torch.Tensor:
        twin = copy.deepcopy(net).requires_grad_()
        optimiser = settings.build(twin.parameters())
        optimiser.load_state_dict(copy.deepcopy(player.optimiser.state_dict()))
        for _ in range(3):
            apart = [p - m for p, m in zip(twin.parameters(), history.means, strict=True)]
            cost = 0.7 * torch.stack([one.square().sum() for one in apart]).sum()
            cost = cost + 0.3 * orthonormality(twin) + (twin(X + shift) - 1).square().mean()
            optimiser.zero_grad()
            cost.backward()
            optimiser.step()
        return twin(Y + shift).square().mean().detach()

    shift = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    found = ahead(shift)
    assert found.item() == pytest.approx(stepped(shift.detach()).item(), abs=1e-12)
    (exact,) = torch.autograd.grad(found, shift)
    steps = 1e-6 * torch.eye(3, dtype=torch.float64)
    at = shift.detach()
    numeric = torch.stack([(stepped(at + e) - stepped(at - e)) / 2e-6 for e in steps])
    assert torch.allclose(exact, numeric, rtol=1e-5, atol=1e-7)
    assert all(torch.equal(before[name], value) for name, value in history.state_dict().items())


@pytest.mark.parametrize("lazy", LAZY)
@pytest.mark.parametrize("settings", OPTIMISERS, ids=repr)
def test_second_order_gradient_matches_finite_differences(
    settings: OptimiserConfig, lazy: int
) -> None:
    _, _, turn = made(settings, lazy)

    def through(shift: torch.Tensor, second_order: bool = True) -> torch.Tensor:
        ahead = turn.lookahead(
            "d", lambda d: (d(X + shift) - 1).square().mean(), 3, second_order=second_order
        )
        return ahead(Y + shift).square().mean()

    shift = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    (exact,) = torch.autograd.grad(through(shift), shift)
    step = 1e-6
    numeric = torch.stack(
        [
            (through(shift + step * e) - through(shift - step * e)) / (2 * step)
            for e in torch.eye(3, dtype=torch.float64)
        ]
    )
    assert torch.allclose(exact, numeric, rtol=1e-4, atol=1e-7)
    (first,) = torch.autograd.grad(through(shift, second_order=False), shift)
    assert not torch.allclose(first, exact, rtol=1e-3), "first order must leave something out"


def test_optimisers_it_cannot_differentiate_are_named() -> None:
    _, _, turn = made(RMSProp(lr=0.1, momentum=0.5))
    with pytest.raises(GanvasError, match="momentum"):
        turn.lookahead("d", lambda d: d(X).mean(), 1)
