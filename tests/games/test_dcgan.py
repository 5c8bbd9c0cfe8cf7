"""DCGAN: separate passes, batch statistics, the recipe's settings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganvas.nn import BatchNorm
from ganvas.recipes import load_recipe
from tests.games.tables import SMALL_IMAGES, generator_learns, judge_learns, play, rounds

IMAGES = {"source": "digits8", "generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES}


def counts(network: nn.Module) -> set[int]:
    """How many batches each batch norm has followed."""
    return {int(m.num_batches_tracked) for m in network.modules() if isinstance(m, BatchNorm)}


def test_discriminator_norms_see_real_and_fake_samples_separately():
    game, feed, table = play("dcgan", **IMAGES)
    assert game.judge.separate
    real = feed.next()
    judge_learns(game, real, table)
    assert counts(game.discriminator) == {2}  # one pass each, in one turn
    assert counts(game.generator) == {0}  # it only draws fakes in this turn
    generator_learns(game, real, table)
    assert counts(game.discriminator) == {2}
    assert counts(game.generator) == {1}


def test_separate_passes_differ_from_a_joint_one():
    game, feed, _ = play("dcgan", **IMAGES)
    real = feed.next()
    with torch.no_grad():
        fake = type(real)(game.generator(torch.zeros(len(real), 100)))
    apart = game.judge.both(real, fake)
    game.judge.separate = False
    joint = game.judge.both(real, fake)
    assert not torch.allclose(apart[0].logits, joint[0].logits, atol=1e-4)


def test_undecided_discriminator():
    game, feed, table = play("dcgan", **IMAGES)
    nn.init.zeros_(game.discriminator.head.score.weight)  # D ≡ ½
    real = feed.next()
    loss, *_ = game.judge.loss(real, real, table)
    assert loss.item() == pytest.approx(1.386294, abs=1e-6)
    assert game.judge.lowered(real, real).value.item() == pytest.approx(0.693147, abs=1e-6)


def test_no_norm_next_to_the_image_and_no_pooling():
    game, _, _ = play("dcgan", source="digits8", generator="dcgan", discriminator="dcgan")
    assert not isinstance(game.discriminator.blocks[0].norm, BatchNorm)
    modules = list(game.modules())
    assert not any(isinstance(m, nn.MaxPool2d | nn.AvgPool2d) for m in modules)
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(m.bias is None for m in convolutions)


def test_samples_lie_in_the_range_of_pixels():
    game, feed, table = play("dcgan", **IMAGES)
    rounds(game, feed, table, 2)
    game.eval()
    samples = game.sample(game.prior(50, table.noise))
    assert samples.shape == (50, 1, 8, 8)
    assert samples.abs().max() <= 1


@pytest.mark.parametrize("recipe", ["dcgan/images", "dcgan/digits", "dcgan/mnist"])
def test_recipes_have_the_papers_settings(recipe):
    loaded = load_recipe(recipe)
    assert loaded.train.batch == 128
    game = loaded.game_config
    assert (game.latent.kind, game.latent.dim) == ("uniform", 100)
    for optimiser in (game.generator_optimiser, game.discriminator_optimiser):
        assert (optimiser.lr, optimiser.beta1, optimiser.beta2) == (2e-4, 0.5, 0.999)
