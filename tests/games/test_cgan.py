"""cGAN, system A: conditioning, schedules, noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganvas.abilities.export import export_model
from ganvas.config import value_at
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.diagnosis.watch import Watch
from ganvas.errors import UsageError
from ganvas.games.cgan import decay, momentum
from ganvas.model import Model, Provenance
from ganvas.play import Noise
from ganvas.recipes import load_recipe
from tests.games.tables import generator_learns, judge_learns, play, rounds

SMALL = {
    "generator": {"kind": "cgan_mlp", "z_width": 20, "y_width": 30, "widths": [40], "dropout": 0.5},
    "discriminator": {"kind": "cgan_mlp", "x_width": 24, "y_width": 10, "widths": [24]},
}


def test_papers_networks_have_their_sizes():
    game, _, _ = play("cgan", source="digits", generator="cgan", discriminator="cgan")
    assert sum(p.numel() for p in game.generator.parameters()) == 2_413_984
    assert sum(p.numel() for p in game.discriminator.parameters()) == 1_224_351


@pytest.mark.parametrize("rounds_", [1_000, 30_000, 287_828, 300_000, 1_000_000])
def test_rate_is_divided_at_every_update_down_to_the_floor(rounds_):
    schedule = decay(0.1, 1.00004, 1e-6, rounds_)
    for update in {0, 1, 2, 500, 25_000, 200_000, 287_829, 290_000, rounds_ - 1}:
        if update < rounds_:
            exact = max(0.1 / 1.00004**update, 1e-6)
            assert schedule.at(update / rounds_) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("horizon", [600 * 100, 600 * 250, 600 * 500])
def test_momentum_rises_by_epochs(horizon):
    schedule = momentum(epoch=600, rounds=horizon)
    values = [schedule.at(epoch * 600 / horizon) for epoch in range(1, horizon // 600 + 1)]
    assert values[0] == 0.5
    assert values == sorted(values)
    for epoch, found in enumerate(values, start=1):
        exact = 0.5 + 0.2 * min((epoch - 1) / 249, 1)
        assert found == pytest.approx(exact, abs=1e-9)


def test_the_recipe_plays_the_papers_schedule():
    loaded, epoch = load_recipe("cgan/mnist"), 600
    horizon = loaded.train.rounds
    optimiser = loaded.game_config.generator_optimiser
    rate, rise = decay(0.1, 1.00004, 1e-6, horizon), momentum(epoch, horizon)
    for progress in (0, 0.001, 0.3, 0.7, 0.97, 1):
        assert value_at(optimiser.lr, progress) == pytest.approx(rate.at(progress), rel=1e-5)
        assert value_at(optimiser.momentum, progress) == pytest.approx(rise.at(progress), rel=1e-5)


def test_optimiser_follows_the_schedule():
    game, feed, table = play("cgan", source="digits8", **SMALL)
    group = game.players["generator"].optimiser.param_groups[0]
    for progress, rate, inertia in [(0.0, 0.1, 0.5), (1.0, 1e-6, 0.7)]:
        table.progress = progress
        rounds(game, feed, table, 1)
        assert group["lr"] == pytest.approx(rate)
        assert group["momentum"] == pytest.approx(inertia)


def test_conditioning_is_live_in_both_networks():
    game, feed, _ = play("cgan", source="digits8", **SMALL)
    game.eval()
    real = feed.next()
    z = game.prior(len(real), Noise(0))
    weights = torch.nn.functional.one_hot(real["label"], 10).float().requires_grad_()
    for output in (game.sample(z, weights), game.score(real.x, weights)):
        (gradient,) = torch.autograd.grad(output.square().sum(), weights)
        assert gradient.abs().max() > 0
    other = (real["label"] + 1) % 10
    assert not torch.equal(game.sample(z, real["label"]), game.sample(z, other))
    assert not torch.equal(game.score(real.x, real["label"]), game.score(real.x, other))


def test_samples_do_not_mix_and_dropout_sleeps_in_evaluation():
    game, _, _ = play("cgan", source="digits8", **SMALL)
    game.eval()
    z, y = game.prior(6, Noise(0)), torch.arange(6)
    together = game.sample(z, y)
    torch.testing.assert_close(game.sample(z[2:3], y[2:3]), together[2:3])
    assert torch.equal(game.sample(z, y), together)
    game.train()
    assert not torch.equal(game.sample(z, y), game.sample(z, y))


AWAKE = SMALL | {"generator": SMALL["generator"] | {"dropout_awake": True}}


def awake_model(**networks):
    game, _, _ = play("cgan", source="digits8", **(networks or AWAKE))
    return Model(game, Provenance(), "cpu")


def test_dropout_may_be_awake_in_samples():
    """A sample has masks of its own by its seed, whatever it is computed together with."""
    model = awake_model()
    z, y = model.latents(70, seed=2)
    whole = model.sample(70, seed=2).x
    for n, batch in ((70, 7), (5, 256)):
        assert np.abs(model.sample(n, seed=2, batch=batch).x - whole[:n].astype(int)).max() <= 1
    asleep = model.sample(70, seed=2, dropout=False).x
    assert (asleep != whole).any(axis=(1, 2, 3)).all()
    with model.posed(dropout=False):
        wanted = model.domain.decode(model.game.sample(z, y))
    assert np.abs(asleep - wanted.astype(int)).max() <= 1
    assert np.array_equal(model.sample(70, seed=2).x, whole)  # as before
    other = model.sample(2, seed=2, label=[3, 3], truncation=0)  # one latent, two masks
    assert not np.array_equal(other.x[0], other.x[1])
    one = model.sample(2, seed=2, label=[3, 3], truncation=0, dropout=False)
    assert np.array_equal(one.x[0], one.x[1])


def test_dropout_that_sleeps_is_awoken_by_an_option():
    model = awake_model(**SMALL)
    assert not np.array_equal(model.sample(4, dropout=True).x, model.sample(4).x)
    plain = awake_model(generator=SMALL["generator"] | {"dropout": 0.0})
    with pytest.raises(UsageError, match="dropout=true: this model's generator has no dropout"):
        plain.sample(4, dropout=True)


def test_a_look_sees_what_dropout_brings():
    """Each sample that is looked at has a mask of its own, of a loaded model, too."""
    model = awake_model()
    source = open_data(DataSettings(source="digits8"))
    sample, seen = model.game.sample, []
    model.game.sample = lambda z, y=None: seen.append(sample(0 * z, 0 * y)) or seen[-1]
    first = Watch(source, 0, list, {}).look(model.game)
    x = torch.cat(seen)
    assert len(x.unique(dim=0)) == len(x)
    assert Watch(source, 0, list, {}).look(model.game) == first


def test_a_graph_is_told_which_units_are_left_out(tmp_path):
    model = awake_model()
    done = export_model(model, tmp_path / "graph.pt2", "torch")
    assert done.inputs == ("latent (N, 100)", "label (N,) int64", "dropout (N, 90)")
    assert done.difference < 1e-5
    graph = torch.export.load(tmp_path / "graph.pt2").module()
    z, y = model.latents(3)
    found = graph(z, y, torch.ones(3, 90))  # nothing is left out, all is doubled
    with model.posed(dropout=False):
        assert not torch.allclose(found, model.game.sample(z, y), atol=1e-3)
    assert not torch.equal(found, graph(z, y, torch.zeros(3, 90)))  # all is left out


def test_samples_are_pixels_and_noise_fills_the_unit_cube():
    game, _, _ = play("cgan", source="digits8", **SMALL)
    z = game.prior(500, Noise(0))
    assert z.shape == (500, 100)
    assert 0 <= z.min() < 0.01 < 0.99 < z.max() < 1
    x = game.sample(z, torch.arange(500) % 10)
    assert x.shape == (500, 1, 8, 8)
    assert x.abs().max() < 1  # network units; (x + 1)/2 is the sigmoid


def test_fakes_have_the_batchs_labels():
    game, feed, table = play("cgan", source="digits8", **SMALL)
    real = feed.next()
    for rule in (game.labels.fakes, game.labels.generator):
        y = game.drawn(real, table.noise, rule)["label"]
        assert torch.equal(y, real["label"])


def test_steps_leave_the_other_network_alone():
    game, feed, table = play("cgan", source="digits8", **SMALL)
    real = feed.next()
    for step, other in [
        (judge_learns, game.generator),
        (generator_learns, game.discriminator),
    ]:
        before = [p.detach().clone() for p in other.parameters()]
        step(game, real, table)
        assert all(map(torch.equal, before, other.parameters()))
        assert all(p.grad is None for p in other.parameters())


@pytest.mark.parametrize("init", ["pylearn2", "default"])
def test_training_begins_at_the_mean_image_of_the_training_data(init):
    networks = SMALL | {"generator": SMALL["generator"] | {"init": init}}
    game, feed, _ = play("cgan", source="digits8", **networks)
    before = game.generator.last.bias.detach().clone()
    game.begin(feed)
    if init == "default":
        assert torch.equal(game.generator.last.bias, before)
        return
    mean = torch.as_tensor(feed.source.known.x).double().mean(0)[..., 0] / 255  # pixels in [0, 1]
    found = game.generator.last.bias.detach().double().sigmoid()
    torch.testing.assert_close(found, mean.clamp(1e-3, 1 - 1e-3).flatten(), atol=1e-5, rtol=0)
