"""SN-GAN: order of updates, batch of 2m, power iteration, the singular-value monitor."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganvas.config import value_at
from ganvas.data.spec import spec_of
from ganvas.games.sngan import SNGAN, SNGANConfig
from ganvas.nn import SpectralNorm, singular_values
from ganvas.recipes import load_recipe, names
from tests.games.tables import TINY, judge_learns, play, rounds
from tests.networks.specs import images


def vectors(game) -> list[torch.Tensor]:
    layers = [m for m in game.discriminator.modules() if isinstance(m, SpectralNorm)]
    return [layer.u.clone() for layer in layers]


def moved(before: list[torch.Tensor], game) -> bool:
    return not all(map(torch.equal, before, vectors(game)))


def test_generator_steps_first_then_the_discriminator_n_times():
    game, feed, table = play("sngan")
    rounds(game, feed, table, 2)
    assert table.order == ["generator", *["discriminator"] * 5] * 2
    assert feed.seen == 10 * feed.batch


def test_generator_sees_twice_the_batch():
    game, feed, table = play("sngan")
    assert game.generator_batch == 2
    real = feed.next()
    assert len(game.latents(real, table)) == 2 * len(real)


def test_all_layers_of_the_discriminator_are_normalised_and_none_of_the_generator():
    game, _, _ = play("sngan", discriminator=TINY | {"labels": "projection"}, conditional=True)
    weighted = [m for m in game.discriminator.modules() if isinstance(m, nn.Linear | nn.Embedding)]
    assert len(weighted) == len(vectors(game)) == 4
    assert not any(isinstance(m, SpectralNorm) for m in game.generator.modules())


def test_every_pass_of_a_training_step_iterates_and_no_evaluation_does():
    game, feed, table = play("sngan")
    before = vectors(game)
    real = feed.next()
    with table("generator", tracks=("discriminator",)) as generator:
        z = game.latents(real, table)
        generator.minimise(game.judge.confusion(real, game.generate(z), table))
    assert moved(before, game)
    before = vectors(game)
    judge_learns(game, feed.next(), table)
    assert moved(before, game)
    before = vectors(game)
    game.eval()
    game.score(torch.zeros(4, 2))
    assert not moved(before, game)
    assert game.judge.separate  # real and fake samples each take a step of iteration


def test_monitor_stays_close_to_one():
    game, feed, table = play("sngan", monitor_every=20)
    rounds(game, feed, table, 41)
    logged = {k: v[-1] for k, v in table.statistics.items() if k.startswith("sigma/")}
    assert len(logged) == 3
    assert all(1 - 1e-5 <= value <= 1.1 for value in logged.values())
    exact = singular_values(game.discriminator)
    assert {f"sigma/{name}" for name in exact} == set(logged)


def test_discriminator_is_one_lipschitz():
    game, feed, table = play("sngan")
    rounds(game, feed, table, 50)
    game.eval()
    x, y = torch.randn(2, 500, 2)
    slopes = (game.score(x) - game.score(y)).abs() / (x - y).norm(dim=1)
    assert slopes.max() <= 1.1**3  # three layers, each at most 1.1


def test_the_log_says_how_steep_the_discriminator_can_be_and_is():
    game, feed, table = play("sngan", monitor_every=20)
    rounds(game, feed, table, 41)
    bounds, found, tightness = (
        torch.stack(table.statistics[f"lipschitz/{name}"])
        for name in ("bound", "found", "tightness")
    )
    assert len(bounds) == 3  # at rounds 0, 20 and 40
    torch.testing.assert_close(tightness, found / bounds)
    assert 0 < tightness.min() <= tightness.max() <= 1
    monitored = game.monitor(feed.next())
    sigmas = [value for name, value in monitored.items() if name.startswith("sigma/")]
    assert monitored["lipschitz/bound"] == pytest.approx(math.prod(sigmas))


def test_monitoring_changes_nothing():
    watched, feed, table = play("sngan", monitor_every=1)
    rounds(watched, feed, table, 3)
    plain, feed, table = play("sngan", monitor_every=0)
    rounds(plain, feed, table, 3)
    assert all(map(torch.equal, watched.state_dict().values(), plain.state_dict().values()))


def test_a_network_without_a_bound_is_monitored_without_one():
    game, feed, _ = play("sngan", minibatch={"kind": "discrimination", "kernels": 4})
    assert not any(name.startswith("lipschitz/") for name in game.monitor(feed.next()))


def test_labels_of_fakes_are_their_own_and_uniform():
    game, feed, table = play(
        "sngan", batch=400, discriminator=TINY | {"labels": "projection"}, conditional=True
    )
    real = feed.next()
    y = game.drawn(real, table.noise, game.labels.fakes)["label"]
    assert (y != real["label"]).float().mean() > 0.7
    rounds(game, feed, table, 1)


def test_swapping_labels_changes_a_score_by_the_difference_of_rows():
    game, feed, _ = play("sngan", discriminator=TINY | {"labels": "projection"}, conditional=True)
    game.eval()
    real = feed.next()
    a, b = torch.zeros(16, dtype=torch.long), torch.full((16,), 5)
    features = game.discriminator.features(real.x)
    rows = game.discriminator.head.table.weight
    torch.testing.assert_close(
        game.score(real.x, a) - game.score(real.x, b), features @ (rows[0] - rows[5])
    )


@pytest.mark.parametrize("recipe", ["sngan/cifar10", "sngan/images"])
def test_rate_falls_linearly_to_zero(recipe):
    game = load_recipe(recipe).game_config
    for optimiser in (game.generator_optimiser, game.discriminator_optimiser):
        rates = [value_at(optimiser.lr, t / 50_000) for t in (0, 25_000, 50_000)]
        assert rates == pytest.approx([2e-4, 1e-4, 0])


@pytest.mark.parametrize(
    ("classes", "generator", "discriminator"),
    [(0, 4_276_739, 1_053_824), (10, 4_304_387, 1_055_104)],
)
def test_defaults_are_the_networks_of_cifar(classes, generator, discriminator):
    config = SNGANConfig(conditional=classes > 0)
    with torch.device("meta"):
        game = SNGAN(config, spec_of("pictures", images(3, 32, 32), classes=classes))
    assert sum(p.numel() for p in game.generator.parameters()) == generator
    assert sum(p.numel() for p in game.discriminator.parameters()) == discriminator


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("sngan/")])
def test_labels_are_projected_in_every_recipe_and_copies_stand_beside_images(name):
    recipe = load_recipe(name)
    wanted = "concat" if recipe.data.derive else "projection"
    assert recipe.game_config.discriminator.labels == wanted
