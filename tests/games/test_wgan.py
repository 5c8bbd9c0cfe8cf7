"""WGAN: warm-up, clipping, the estimate."""

from __future__ import annotations

import pytest
import torch
from torch import nn, tensor

from ganvas.games.parts.objectives.wasserstein import Wasserstein
from tests.games.tables import SMALL_IMAGES, judge_learns, play, rounds

MINUTE = {
    "generator": {"kind": "mlp", "widths": [2]},
    "discriminator": {"kind": "mlp", "widths": [2]},
    "latent": {"kind": "normal", "dim": 1},
}


def test_critic_warms_up_for_25_rounds():
    """The rounds on either side of the last one of them; all others are told below."""
    game, feed, table = play("wgan", batch=2, **MINUTE)
    table.round = 24
    rounds(game, feed, table, 2)
    assert table.steps == {"generator": 2, "discriminator": 100 + 5}
    assert table.order[-6:] == [*["discriminator"] * 5, "generator"]


def test_critic_steps_by_round():
    game, _, _ = play("wgan", **MINUTE)
    steps = {25: 5, 499: 5, 500: 100, 501: 5, 1000: 100} | dict.fromkeys(range(25), 100)
    assert {played: game.critic_steps(played) for played in steps} == steps


def test_warm_up_can_be_switched_off():
    game, _, _ = play("wgan", warm_up={"rounds": 0, "every": 0}, **MINUTE)
    assert [game.critic_steps(played) for played in (0, 25, 500)] == [5, 5, 5]


def test_every_critic_ever_asked_is_clipped_and_no_generator_is():
    # A critic with batch norm, whose gains start at 1.
    images = {"source": "digits8", "generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES}
    game, feed, table = play("wgan", **images)
    table.round = 30

    def clipped() -> bool:
        return all(p.abs().max() <= 0.01 for p in game.discriminator.parameters())

    assert any(p.numel() and p.dim() == 1 for p in game.discriminator.parameters())
    assert clipped()
    for _ in range(3):
        judge_learns(game, feed.next(), table)
        assert clipped()
    rounds(game, feed, table, 2)
    assert clipped()
    assert max(p.abs().max() for p in game.generator.parameters()) > 0.5


def test_real_and_fake_pass_a_critic_with_batch_norm_separately():
    images = {"source": "digits8", "generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES}
    assert play("wgan", **images)[0].judge.separate
    assert not play("wgan")[0].judge.separate


def test_critic_is_unbounded_with_one_value_per_sample():
    game, feed, _ = play("wgan")
    real = feed.next()
    far = game.score(real.x * 1e6)
    assert far.shape == (feed.batch,)
    assert far.abs().max() > 1


def test_logged_estimate_is_that_of_the_last_critic_step():
    game, feed, table = play("wgan")
    table.round = 30
    game.round(feed, table)
    losses = table.statistics["loss/discriminator"]
    assert len(losses) == 5
    torch.testing.assert_close(table.latest["estimate/wasserstein"], -losses[-1])
    table.round = 31
    game.round(feed, table)
    assert len(table.statistics["estimate/wasserstein"]) == 1


def test_share_of_clipped_weights_is_logged_now_and_then():
    game, feed, table = play("wgan", warm_up={"rounds": 0, "every": 0})
    rounds(game, feed, table, 2)
    assert len(table.statistics["share_clipped"]) == 1
    assert 0 <= table.take_statistics()["share_clipped"] <= 1


def test_linear_critic_measures_the_distance_of_two_gaussians():
    # Equal covariances: W₁ = ‖μ₁ − μ₂‖, attained by the unit critic along the difference.
    generator = torch.Generator().manual_seed(0)
    shift = tensor([3.0, 4.0, 0.0])
    real = torch.randn(100_000, 3, generator=generator) + shift
    fake = torch.randn(100_000, 3, generator=generator)
    critic = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        critic.weight.copy_(shift[None] / 5)
        loss = Wasserstein().discriminator(critic(real), critic(fake))
    assert -loss.item() == pytest.approx(5, abs=0.03)


@pytest.mark.slow
def test_critic_reaches_the_largest_slope_that_clipping_allows():
    # Data at +1, fakes held at −1, f(x) = wx + b: the best clipped critic has w = c.
    game, _, table = play("wgan", source="ring8", constraint={"kind": "clip", "bound": 0.05})
    critic = nn.Linear(1, 1)
    game.constraint.install(critic)
    descent = torch.optim.RMSprop(critic.parameters(), lr=5e-3)
    for _ in range(50):
        loss = game.judge.objective.discriminator(
            critic(torch.ones(4, 1)), critic(-torch.ones(4, 1))
        )
        descent.zero_grad()
        loss.backward()
        descent.step()
        game.constraint.enforce(critic)
    assert critic.weight.item() == pytest.approx(0.05)
    assert loss.item() == pytest.approx(-2 * 0.05)
    assert table.cancelled == 0
