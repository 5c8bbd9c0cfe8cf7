"""The gradient of whole losses, penalties and all, played fast and as torch plays it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from ganvas.data.batch import Batch
from ganvas.games.parts import penalties
from ganvas.games.parts.judge import Judge
from ganvas.games.parts.objectives import Objective
from ganvas.games.parts.penalties import Penalty
from ganvas.games.parts.penalties.zero_centred import R1, R2
from ganvas.kinds import kinds
from ganvas.networks.base import Discriminator, Head
from ganvas.networks.conditions import NONE
from ganvas.nn import twice
from ganvas.play import Adam, Noise, Player, Turns

OBJECTIVES = kinds(Objective, "ganvas.games.parts.objectives")
PENALTIES = kinds(Penalty, "ganvas.games.parts.penalties")


class Mixed(Discriminator):
    """Grouped, strided and transposed convolutions, rectified, in double precision."""

    def __init__(self) -> None:
        super().__init__(NONE, "none")
        torch.manual_seed(0)
        self.body = nn.Sequential(
            *(nn.Conv2d(2, 4, 3, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(4, 8, 4, 2, 1, groups=2), nn.ReLU()),
            *(nn.ConvTranspose2d(8, 4, 4, 2, 1, groups=4), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(4, 4, 1), nn.Tanh(), nn.Conv2d(4, 3, 3, 2)),
        )
        self.head = Head(3 * 4, 0, "none")
        self.double()

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.body(x).flatten(1)


def judged(objective: Objective, regularisers: dict[str, Penalty]) -> tuple[Judge, list[Batch]]:
    """Return a judge with penalties, and a batch each of real samples and fakes."""
    judge = Judge(Mixed(), objective, penalties=regularisers)
    noise = torch.Generator().manual_seed(1)
    shape = (3, 2, 6, 6)
    return judge, [
        Batch(torch.randn(shape, generator=noise, dtype=torch.float64)) for _ in range(2)
    ]


def loss_of(judge: Judge, batches: list[Batch]) -> Tensor:
    turns = Turns({"discriminator": Player(judge, Adam())}, Noise(0))
    return judge.loss(*batches, turns).value


def check(judge: Judge, batches: list[Batch], monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the loss's gradient with torch's own, and with a difference along a direction."""
    weights = list(judge.parameters())
    monkeypatch.setattr(twice, "SMALL", 0)
    loss = loss_of(judge, batches)
    fast = torch.autograd.grad(loss, weights)
    with monkeypatch.context() as without:
        without.setattr(penalties, "Twice", nullcontext)
        plain = loss_of(judge, batches)
        slow = torch.autograd.grad(plain, weights)
    torch.testing.assert_close((loss, fast), (plain, slow), rtol=1e-10, atol=1e-12)
    way = [torch.randn_like(weight) for weight in weights]
    ends = list[Tensor]()
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            for weight, along in zip(weights, way, strict=True):
                weight += step * along
        ends.append(loss_of(judge, batches).detach())
    expected = (ends[0] - ends[1]) / 2e-6
    found = sum((g * along).sum() for g, along in zip(fast, way, strict=True))
    torch.testing.assert_close(cast(Tensor, found), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_objective_with_both_zero_centred_penalties(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"r1": R1(weight=0.3), "r2": R2(weight=0.7)}
    check(*judged(cast(Objective, OBJECTIVES[kind]()), both), monkeypatch)


@pytest.mark.parametrize("kind", PENALTIES)
def test_every_penalty(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    penalty = cast(Penalty, PENALTIES[kind](weight=2.0))
    check(*judged(cast(Objective, OBJECTIVES["hinge"]()), {"one": penalty}), monkeypatch)
