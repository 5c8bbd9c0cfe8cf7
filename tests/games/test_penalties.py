"""Gradient penalties on critics whose gradients are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn, tensor

from ganvas.config import Schedule
from ganvas.data.batch import Batch
from ganvas.errors import UsageError
from ganvas.games.parts.penalties import (
    Penalty,
    input_gradient,
    interpolates,
    norm_cost,
    penalise,
    squared_norms,
)
from ganvas.games.parts.penalties.dragan import Dragan
from ganvas.games.parts.penalties.gradient import GradientPenalty
from ganvas.games.parts.penalties.zero_centred import R1, R2
from ganvas.nn import round_inside
from ganvas.play import Noise
from tests.games.tables import SMALL_IMAGES, TINY, play


class Linear(nn.Module):
    """f(x) = a·x."""

    def __init__(self, *a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(tensor(a))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return x.flatten(1) @ self.a


class Quadratic(nn.Module):
    """f(x) = ½ xᵀAx with symmetric A, so ∇f = Ax."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return ((x @ self.matrix) * x).sum(1) / 2


class Smooth(nn.Module):
    """Two layers with tanh, in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.body(x).squeeze(1)


def points(n: int = 6, dim: int = 2, seed: int = 0) -> tuple[Batch, Batch]:
    generator = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, n, dim, generator=generator)
    return Batch(real), Batch(fake)


def value(critic, penalty, batches: tuple[Batch, Batch] | None = None) -> Tensor:
    return penalise(critic, {"p": penalty}, *(batches or points()), Noise(0), 0.0)[0]


@pytest.mark.parametrize("one_sided", [False, True])
def test_gradient_penalty_of_a_steep_linear_critic(one_sided):
    critic = Linear(3.0, 4.0)
    loss = value(critic, GradientPenalty(weight=10, one_sided=one_sided))
    assert loss.item() == pytest.approx(160, rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, critic.a)  # 2λ(‖a‖ − 1)a/‖a‖
    assert gradient.tolist() == pytest.approx([2 * 10 * 4 * 3 / 5, 2 * 10 * 4 * 4 / 5])


def test_gradient_penalty_of_a_flat_linear_critic():
    critic = Linear(0.3, 0.4)
    assert value(critic, GradientPenalty()).item() == pytest.approx(2.5)
    assert value(critic, GradientPenalty(one_sided=True)).item() == 0


def test_zero_gradient_has_a_finite_second_derivative():
    critic = Linear(0.0, 0.0)
    loss = value(critic, GradientPenalty())
    loss.backward()
    assert loss.item() == pytest.approx(10, rel=1e-5)
    assert critic.a.grad is not None
    assert critic.a.grad.isfinite().all()


def test_target_of_the_norm():
    assert value(Linear(3.0, 4.0), GradientPenalty(weight=1, target=5)).item() == pytest.approx(0)


@pytest.mark.parametrize(("penalty", "place"), [(R1(weight=0.5), 0), (R2(weight=0.5), 1)])
def test_zero_centred_penalties_on_a_quadratic_critic(penalty, place):
    matrix = tensor([[2.0, 1.0], [1.0, 3.0]])
    batches = points()
    loss = value(Quadratic(matrix), penalty, batches)
    x = batches[place].x
    assert loss.item() == pytest.approx(0.25 * (x @ matrix).square().sum(1).mean().item(), rel=1e-6)


@pytest.mark.parametrize("penalty", [GradientPenalty(), R1(), R2(), Dragan()])
def test_double_backward_against_finite_differences(penalty):
    torch.manual_seed(1)
    critic = Smooth()
    real, fake = points(5, 3)
    batches = Batch(real.x.double()), Batch(fake.x.double())
    weight = critic.body[0].weight
    (exact,) = torch.autograd.grad(value(critic, penalty, batches), weight)
    step = 1e-5
    for place in [(0, 0), (2, 1), (4, 2)]:
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
            ends.append(value(critic, penalty, batches).item())
            with torch.no_grad():
                weight[place] -= sign * step
        assert exact[place].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4)


def test_interpolates_lie_on_the_segments_with_one_share_per_sample():
    real, fake = torch.randn(2, 4, 3, 5, 5)
    assert torch.equal(interpolates(real, fake, torch.ones(4)), real)
    assert torch.equal(interpolates(real, fake, torch.zeros(4)), fake)
    share = tensor([0.0, 0.25, 0.5, 1.0])
    between = interpolates(real, fake, share)
    measured = (between - fake) / (real - fake)
    torch.testing.assert_close(measured, share.view(4, 1, 1, 1).expand_as(real), atol=1e-3, rtol=0)


def test_gradient_penalty_draws_one_share_per_sample():
    real, fake = Batch(torch.ones(200, 3, 2, 2)), Batch(torch.zeros(200, 3, 2, 2))
    at = GradientPenalty().points(real, fake, Noise(0)).x.flatten(1)
    assert torch.equal(at, at[:, :1].expand_as(at))  # the same for all entries of a sample
    assert len(at[:, 0].unique()) == 200  # another one for each sample
    assert 0 <= at.min() < 0.05 < 0.95 < at.max() <= 1


def test_dragan_stays_close_to_the_data():
    real, fake = points(400)
    moved = Dragan(spread=0.5).points(real, fake, Noise(0)).x - real.x
    assert moved.min() >= 0
    assert 0 < moved.max() <= 0.5 * real.x.std(correction=0) + 1e-6
    assert value(Linear(3.0, 4.0), Dragan()).item() == pytest.approx(160, rel=1e-6)


def test_norm_is_taken_over_everything_but_the_batch():
    critic = Linear(*[0.5] * 48)
    gradient = input_gradient(critic, torch.randn(2, 3, 4, 4))
    assert gradient.shape == (2, 3, 4, 4)
    norms = squared_norms(gradient).sqrt()
    assert norms.tolist() == pytest.approx([0.5 * math.sqrt(48)] * 2)


def test_a_sample_is_penalised_alike_in_any_company():
    torch.manual_seed(2)
    critic = Smooth()
    x = torch.randn(5, 3, dtype=torch.float64)
    together = squared_norms(input_gradient(critic, x))
    alone = torch.cat([squared_norms(input_gradient(critic, row[None])) for row in x])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(norm_cost(together, 1, False), ((alone.sqrt() - 1) ** 2).mean())


def test_penalties_add_up_with_their_scheduled_weights():
    critic = Quadratic(tensor([[2.0, 1.0], [1.0, 3.0]]))
    batches = points()
    falling = Schedule(start=1.0, end=0.0, shape="linear")
    both = {"r1": R1(weight=falling), "r2": R2(weight=3.0)}
    total, parts = penalise(critic, both, *batches, Noise(0), 0.25)
    one = value(critic, R1(weight=1.0), batches)
    two = value(critic, R2(weight=1.0), batches)
    torch.testing.assert_close(parts, {"r1": one, "r2": two})
    torch.testing.assert_close(total, 0.75 * one + 3 * two)


def test_no_gradient_reaches_the_generator_but_the_critic_gets_one():
    critic = Linear(3.0, 4.0)
    real, fake = points()
    fake.x.requires_grad_()
    value(critic, GradientPenalty(), (real, fake)).backward()
    assert fake.x.grad is None
    assert critic.a.grad is not None


def test_rounding_does_not_reach_penalties():
    torch.manual_seed(3)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def judge(x: Tensor, y: Tensor | None) -> Tensor:
        return critic(x).squeeze(1)

    x = points()[0].x
    exact = input_gradient(judge, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert critic(x).dtype == torch.bfloat16
        assert torch.equal(input_gradient(judge, x), exact)
    round_inside(critic)
    assert not torch.equal(critic(x), critic.forward(x))
    assert torch.equal(input_gradient(judge, x), exact)


def test_compiled_critic_is_penalised_eagerly():
    game, _, _ = play("r3gan")
    batches = points()
    critic = game.discriminator

    weight = next(critic.parameters()).requires_grad_(True)

    def gradient(judge) -> Tensor:
        return torch.autograd.grad(value(judge, R1(), batches), weight)[0]

    plain = gradient(critic)
    critic.compile(backend="aot_eager", dynamic=False)
    assert torch.equal(gradient(critic), plain)
    with pytest.raises(RuntimeError, match="double backward|not require grad"):
        gradient(lambda x, y: critic(x, y))  # what would happen otherwise


@pytest.mark.parametrize("kind", ["gradient", "r1", "r2", "dragan"])
def test_batch_norm_under_a_penalty_is_refused(kind):
    images = {"source": "digits8", "generator": SMALL_IMAGES}
    with pytest.raises(UsageError, match=r"batch norm.*LayerNorm"):
        play("gan", **images, discriminator=SMALL_IMAGES, penalties={"mine": {"kind": kind}})
    play("gan", **images, discriminator=SMALL_IMAGES)  # no penalty, no objection
    layer = SMALL_IMAGES | {"norm": "layer"}
    play("gan", **images, discriminator=layer, penalties={"mine": {"kind": kind}})


def test_a_penalty_can_be_taken_away():
    game, _, _ = play("wgan-gp", discriminator=TINY, penalties={"gradient": None})
    assert game.judge.penalties == {}


@pytest.mark.parametrize("penalty", [GradientPenalty(), R1(), R2(), Dragan()])
def test_a_single_sample_has_a_finite_penalty(penalty: Penalty) -> None:
    critic = Linear(3.0, 4.0)
    cost = value(critic, penalty, points(1))
    cost.backward()
    assert cost.isfinite()
    assert critic.a.grad is not None
    assert critic.a.grad.isfinite().all()
