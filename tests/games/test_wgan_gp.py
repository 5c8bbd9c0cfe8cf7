"""WGAN-GP: the penalised critic step, its closed-form optimum, AC-GAN labels, schedules."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ganvas.config import value_at
from ganvas.data.batch import Batch
from ganvas.data.spec import spec_of
from ganvas.errors import UsageError
from ganvas.games.parts.objectives.wasserstein import Wasserstein
from ganvas.games.parts.penalties import input_gradient, penalise, squared_norms
from ganvas.games.parts.penalties.gradient import GradientPenalty
from ganvas.games.wgan_gp import WGANGP, WGANGPConfig
from ganvas.play import Noise
from ganvas.recipes import load_recipe, names
from tests.games.tables import TINY, judge_learns, play, rounds
from tests.networks.specs import images, labels, points


def test_five_critic_steps_then_one_of_the_generator():
    game, feed, table = play("wgan-gp")
    rounds(game, feed, table, 2)
    assert table.order == [*["discriminator"] * 5, "generator"] * 2
    assert feed.seen == 10 * feed.batch


def test_critic_step_with_penalty_leaves_the_generator_alone():
    game, feed, table = play("wgan-gp")
    before = [p.detach().clone() for p in game.generator.parameters()]
    judge_learns(game, feed.next(), table)
    assert all(p.grad is None for p in game.generator.parameters())
    assert all(map(torch.equal, before, game.generator.parameters()))


def test_penalty_alone_moves_the_critic():
    game, feed, table = play("wgan-gp")
    real = feed.next()
    with table("discriminator"):
        penalty, _ = game.judge.penalty(real, Batch(torch.zeros_like(real.x)), table)
        gradient = torch.autograd.grad(penalty, game.discriminator.hidden[0].weight)[0]
    assert gradient.abs().max() > 0


def test_estimate_has_no_penalty_in_it():
    game, feed, table = play("wgan-gp")
    game.round(feed, table)
    penalty = table.latest["penalty/gradient"]
    estimate = table.latest["estimate/wasserstein"]
    loss = table.statistics["loss/discriminator"][-1]
    torch.testing.assert_close(loss, -estimate + 10 * penalty)


def test_weights_are_not_constrained():
    game, _, _ = play("wgan-gp")
    assert game.constraint is None


@pytest.mark.parametrize("distance", [2.0, 5.0])
def test_two_point_masses(distance):
    # Real mass at Δe₁, fake mass at 0: the optimum of sΔ − λ(s − 1)² is the slope s = 1 + Δ/(2λ),
    # of value Δ + Δ²/(2λ) without the penalty.
    torch.manual_seed(0)
    weight, n = 10.0, 64
    critic = nn.Sequential(nn.Linear(2, 32), nn.Softplus(), nn.Linear(32, 1), nn.Flatten(0))
    real = Batch(torch.tensor([[distance, 0.0]]).repeat(n, 1))
    fake = Batch(torch.zeros(n, 2))
    penalty = {"gradient": GradientPenalty(weight=weight)}
    noise = Noise(0)
    objective = Wasserstein()

    def judge(x, y=None):
        return critic(x)

    descent = torch.optim.Adam(critic.parameters(), lr=2e-2, betas=(0.5, 0.9))
    for step in range(300):
        descent.param_groups[0]["lr"] = 2e-2 * (1 - step / 300)
        loss = objective.discriminator(critic(real.x), critic(fake.x))
        descent.zero_grad()
        (loss + penalise(judge, penalty, real, fake, noise, 0.0)[0]).backward()
        descent.step()
    slope = 1 + distance / (2 * weight)
    assert -loss.item() == pytest.approx(distance * slope, rel=0.03)
    between = penalty["gradient"].points(real, fake, noise).x
    norms = squared_norms(input_gradient(judge, between)).sqrt()
    assert norms.mean().item() == pytest.approx(slope, rel=0.03)


def test_acgan_labels():
    game, feed, table = play(
        "wgan-gp", conditional=True, discriminator=TINY | {"labels": "auxiliary"}
    )
    assert game.labels.fakes == "batch"
    assert game.labels.generator == "uniform"
    assert (game.labels.real_weight, game.labels.fake_weight) == (1.0, 0.1)
    rounds(game, feed, table, 1)
    row = table.take_statistics()
    assert row["classification/real"] == pytest.approx(2.079, abs=0.7)  # ln 8 before training
    assert "classification/fake" in row


OF_LINES = ("wgan-gp/grammar", "wgan-gp/text")


@pytest.mark.parametrize(
    "name", [n for n in names() if n.startswith("wgan-gp/") and n not in OF_LINES]
)
def test_labels_are_ac_gans_in_every_recipe(name):
    critic = load_recipe(name).game_config.discriminator
    small = critic.model_copy(update={"widths": (8,)} if critic.kind == "mlp" else {"width": 8})
    built = small.build(points(2) if critic.kind == "mlp" else images(1, 32, 32), labels(3))
    x = torch.randn(4, 2) if critic.kind == "mlp" else torch.randn(4, 1, 32, 32)
    zero, one = (built(x, torch.full((4,), label)) for label in (0, 1))
    assert zero.equal(one)  # it judges without labels
    assert built.classify(built.features(x)).shape == (4, 3)


def test_defaults_are_the_networks_of_cifar_with_ac_gans_head():
    with torch.device("meta"):
        game = WGANGP(
            WGANGPConfig(conditional=True), spec_of("pictures", images(3, 32, 32), classes=10)
        )
    assert sum(p.numel() for p in game.generator.parameters()) == 1_218_307
    assert sum(p.numel() for p in game.discriminator.parameters()) == 1_055_115


def test_critic_of_the_mnist_script_sees_pixels_from_0_to_1():
    """Its generator ends in a sigmoid, and ‖∇f‖ is per unit of such pixels."""
    for name in ("mnist", "fashion_mnist", "digits"):
        assert load_recipe(f"wgan-gp/{name}").game_config.pixels == "unit"
    image = {"kind": "mlp", "widths": [8], "output": "sigmoid"}
    game, feed, table = play("wgan-gp", "digits8", pixels="unit", generator=image)
    batch = feed.next()
    raw = torch.from_numpy(feed.source.items("train").x[batch["index"]]).movedim(-1, 1) / 255
    z = game.prior(len(batch), table.noise)
    real, fake = game.judge.see(table, batch, Batch(game.generator(z)))
    torch.testing.assert_close(real.x, raw)
    logits = game.generator.last(game.generator.hidden(z)).view_as(raw)
    torch.testing.assert_close(fake.x, logits.sigmoid())
    torch.testing.assert_close(game.score(batch.x), game.discriminator(raw))
    noise = copy.deepcopy(table.noise)
    _, noted = game.judge.penalty(real, fake, table)
    epsilon = noise.uniform(len(batch)).view(-1, 1, 1, 1)
    between = (epsilon * raw + (1 - epsilon) * fake.x).detach().requires_grad_()
    (slope,) = torch.autograd.grad(game.discriminator(between).sum(), between)
    expected = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(noted["penalty/gradient"], expected)


def test_points_have_no_range_of_pixels():
    with pytest.raises(UsageError, match=r"game\.pixels=unit is for images, but ring8"):
        play("wgan-gp", pixels="unit")


def test_cifar_recipe_follows_the_papers_table():
    game = load_recipe("wgan-gp/cifar10").game_config
    for optimiser in (game.generator_optimiser, game.discriminator_optimiser):
        rates = [value_at(optimiser.lr, t / 100_000) for t in (0, 50_000, 100_000)]
        assert rates == pytest.approx([2e-4, 1e-4, 0])
        assert (optimiser.beta1, optimiser.beta2) == (0, 0.9)
    assert game.penalties["gradient"].weight == 10
    assert game.generator_batch == 2  # the code's 128 fakes for 64 real samples


def test_toy_recipes_follow_the_authors_script():
    game = load_recipe("wgan-gp/ring8").game_config
    assert game.penalties["gradient"].weight == 0.1
    assert (game.generator.widths, game.discriminator.widths) == ((512,) * 3, (512,) * 3)
    assert (game.discriminator_optimiser.beta1, game.discriminator_optimiser.lr) == (0.5, 1e-4)
