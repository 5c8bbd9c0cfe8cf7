"""R3GAN: both penalties, one cosine for everything, pairing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ganvas.config import value_at
from ganvas.data.batch import Batch
from ganvas.games import find_game
from ganvas.play import Noise, Turns
from ganvas.recipes import load_recipe
from tests.games.tables import play, rounds

DEFAULT = find_game("r3gan").Config()


def test_rate_beta_and_gamma_share_one_cosine():
    for optimiser in (DEFAULT.generator_optimiser, DEFAULT.discriminator_optimiser):
        assert optimiser.beta1 == 0
        rates = [value_at(optimiser.lr, p) for p in (0, 0.5, 1)]
        assert rates == pytest.approx([2e-4, 1.25e-4, 5e-5])
        betas = [value_at(optimiser.beta2, p) for p in (0, 0.5, 1)]
        assert betas == pytest.approx([0.9, 0.945, 0.99])
    assert [value_at(DEFAULT.gamma, p) for p in (0, 0.5, 1)] == pytest.approx([0.05, 0.0275, 0.005])


@pytest.mark.parametrize(
    ("name", "p", "half_life"),
    [
        ("cifar10", 0.55, 5000),
        ("cifar10_full", 0.55, 5000),
        ("images64", 0.3, 500),
        ("images256", 0.3, 500),
    ],
)
def test_recipes_move_everything_on_one_cosine_over_twenty_million_images(
    name: str, p: float, half_life: float
):
    recipe = load_recipe(f"r3gan/{name}")
    game, average, kimg = recipe.game_config, recipe.train.average, recipe.train.kimg
    optimiser = game.generator_optimiser
    assert game.discriminator_optimiser == optimiser
    moving = [
        (optimiser.lr, 2e-4, 5e-5),
        (optimiser.beta2, 0.9, 0.99),
        (game.gamma, game.gamma.start, game.gamma.start / 10),
        (game.augment.probability, 0.0, p),
        (average.half_life, 0.0, half_life),
    ]
    assert average.ramp_up == 0
    for schedule, start, last in moving:
        halfway, ended = (value_at(schedule, share * 20_000 / kimg) for share in (0.5, 1.0))
        assert halfway == pytest.approx((start + last) / 2)
        assert ended == value_at(schedule, 1.0) == pytest.approx(last)


def test_losses_are_the_papers():
    game, feed, table = play("r3gan", gamma=0.4)
    real = feed.next()
    fake = Batch(torch.randn_like(real.x))
    x, x_fake = real.x.clone().requires_grad_(), fake.x.clone().requires_grad_()
    on_real, on_fake = game.discriminator(x), game.discriminator(x_fake)
    r1 = torch.autograd.grad(on_real.sum(), x)[0].square().sum(1).mean()
    r2 = torch.autograd.grad(on_fake.sum(), x_fake)[0].square().sum(1).mean()
    on_real, on_fake = game.discriminator(x), game.discriminator(x_fake)
    expected = F.softplus(on_fake - on_real).mean() + 0.4 / 2 * (r1 + r2)
    torch.testing.assert_close(game.judge.loss(real, fake, table).value, expected)
    torch.testing.assert_close(
        game.judge.lowered(real, fake).value, F.softplus(on_real - on_fake).mean()
    )


def test_one_pass_for_losses_and_penalties_is_exact():
    fast, feed, table = play("r3gan", gamma=0.4)
    assert fast.judge.joint_backward
    rounds(fast, feed, table, 5)
    plain, feed, table = play("r3gan", gamma=0.4)
    plain.judge.joint_backward = False
    rounds(plain, feed, table, 5)
    for a, b in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)
    assert not play("r3gan", penalties={"gp": {"kind": "gradient"}})[0].judge.joint_backward
    assert not play("r3gan", constraint={"kind": "spectral"})[0].judge.joint_backward
    assert not play("r3gan", penalty_every=2)[0].judge.joint_backward


def test_gamma_follows_the_progress_of_training():
    game, feed, table = play("r3gan", gamma={"start": 2.0, "end": 0.0, "shape": "linear"})
    real = feed.next()
    totals = []
    for table.progress in (0.0, 0.5, 1.0):
        total, parts = game.judge.penalty(real, real, table)
        assert set(parts) == {"penalty/r1", "penalty/r2"}
        totals.append(total.item())
    assert totals == pytest.approx([totals[0], totals[0] / 2, 0])


def test_both_players_see_the_same_real_samples():
    game, feed, table = play("r3gan")
    rounds(game, feed, table, 3)
    assert table.order == ["discriminator", "generator"] * 3
    assert feed.seen == 3 * feed.batch


def test_further_penalties_join():
    game, _, _ = play("r3gan", penalties={"dragan": {"kind": "dragan"}})
    assert list(game.judge.penalties) == ["r1", "r2", "dragan"]


def test_pairs_share_their_label():
    game, feed, table = play(
        "r3gan", conditional=True, discriminator={"kind": "mlp", "labels": "projection"}
    )
    real = feed.next()
    for rule in (game.labels.fakes, game.labels.generator):
        y = game.drawn(real, table.noise, rule)["label"]
        assert torch.equal(y, real["label"])


def test_lazy_penalties_correct_the_optimiser():
    game, feed, _ = play("r3gan", penalty_every=8)
    player = game.players["discriminator"]
    assert player.correction == pytest.approx(8 / 9)
    turns = Turns(game.players, Noise(0))
    rounds(game, feed, turns, 1)
    group = player.optimiser.param_groups[0]
    assert group["lr"] == pytest.approx(2e-4 * 8 / 9)
    assert group["betas"] == pytest.approx((0.0, 0.9 ** (8 / 9)))
