"""The adversarial game: who moves when, labels, parts of a batch, lazy penalties, priors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from ganvas.data.batch import Batch
from ganvas.errors import UsageError
from ganvas.games.parts.objectives.classification import NonSaturating
from ganvas.networks import Discriminator, Generator
from ganvas.play import Noise
from tests.games.tables import (
    SMALL_IMAGES,
    TINY,
    config,
    generator_learns,
    judge_learns,
    play,
    rounds,
)

CONDITIONAL = {"conditional": True, "discriminator": TINY | {"labels": "concat"}}


def snapshot(network: nn.Module) -> list[Tensor]:
    return [t.detach().clone() for t in (*network.parameters(), *network.buffers())]


def same(before: list[Tensor], network: nn.Module) -> bool:
    return all(map(torch.equal, before, (*network.parameters(), *network.buffers())))


# ---- a round ------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3])
def test_k_steps_of_the_discriminator_then_one_of_the_generator(steps):
    game, feed, table = play("gan", discriminator_steps=steps)
    rounds(game, feed, table, 2)
    assert table.order == [*["discriminator"] * steps, "generator"] * 2
    assert table.steps == {"generator": 2, "discriminator": 2 * steps}
    assert feed.seen == 2 * steps * feed.batch


def test_each_step_moves_its_own_player_only():
    game, feed, table = play("gan")
    generator, discriminator = snapshot(game.generator), snapshot(game.discriminator)
    real = feed.next()
    judge_learns(game, real, table)
    assert same(generator, game.generator)
    assert not same(discriminator, game.discriminator)
    assert all(p.grad is None for p in game.generator.parameters())
    discriminator = snapshot(game.discriminator)
    generator_learns(game, real, table)
    assert same(discriminator, game.discriminator)
    assert not same(generator, game.generator)
    assert all(p.grad is None for p in game.discriminator.parameters())


def test_log_has_losses_and_the_estimate():
    game, feed, table = play("gan")
    rounds(game, feed, table, 3)
    row = table.take_statistics()
    assert {"loss/discriminator", "loss/generator", "estimate/js"} <= set(row)
    assert row["estimate/js"] == pytest.approx(0.693147 - row["loss/discriminator"] / 2, abs=1e-5)


def test_one_pass_over_both_batches_says_the_same_as_two():
    game, feed, _ = play("gan", **CONDITIONAL)
    real = feed.next()
    fake = Batch(torch.randn_like(real.x), real["label"].flip(0))
    assert not game.judge.separate
    one = game.judge.both(real, fake)
    game.judge.separate = True
    two = game.judge.both(real, fake)
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a.logits, b.logits)


def test_switches_at_rest_change_nothing():
    plain, feed, table = play("gan")
    rounds(plain, feed, table, 3)
    other, feed, table = play("gan", penalty_every=7, accumulate=1, generator_batch=1)
    rounds(other, feed, table, 3)
    assert same(snapshot(plain), other)


# ---- parts, lazy turns --------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["nonsaturating", "relativistic"])
def test_a_batch_in_parts_gives_the_same_step(objective):
    descent = {"kind": "sgd", "lr": 0.1}
    settings = {
        "objective": {"kind": objective},
        "generator_optimiser": descent,
        "discriminator_optimiser": descent,
        "penalties": {"r1": {"kind": "r1"}},
    }
    whole, feed, table = play("gan", batch=64, **settings)
    rounds(whole, feed, table, 3)
    parts, feed, table = play("gan", batch=64, accumulate=4, **settings)
    rounds(parts, feed, table, 3)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
    assert table.steps == {"generator": 3, "discriminator": 3}


def test_parts_must_divide_the_batch():
    game, feed, table = play("gan", batch=10, accumulate=3)
    with pytest.raises(UsageError, match=r"divisor of train\.batch"):
        game.round(feed, table)


def test_lazy_penalties_have_turns_of_their_own():
    penalties = {"r1": {"kind": "r1"}, "r2": {"kind": "r2"}}
    game, feed, table = play("gan", penalties=penalties, penalty_every=4)
    assert game.players["discriminator"].correction == 4 / 5
    rounds(game, feed, table, 8)  # due in rounds 0 and 4
    assert table.steps == {"generator": 8, "discriminator": 8 + 2}
    assert {"penalty/r1", "penalty/r2"} <= set(table.take_statistics())


def test_lazy_penalty_counts_k_fold():
    penalties = {"r1": {"kind": "r1", "weight": 2.0}}
    game, feed, table = play("gan", penalties=penalties, penalty_every=4)
    real = feed.next()
    weight = game.discriminator.hidden[0].weight
    with table("discriminator", lazy=4) as turn:
        total, parts = game.judge.penalty(real, real, table)
        assert total.item() == pytest.approx(2 * parts["penalty/r1"].item())
        (once,) = torch.autograd.grad(total, weight, retain_graph=True)
        turn.minimise(total)
        torch.testing.assert_close(weight.grad, 4 * once)


# ---- labels -------------------------------------------------------------------------------------


def test_labels_go_with_their_samples():
    _, feed, table = play("gan", batch=32, accumulate=4, **CONDITIONAL)
    centres = torch.as_tensor(feed.source.law.centres, dtype=torch.float32)
    for (part,) in table.parts(feed.next()):
        assert part.x.shape == (8, 2)
        assert torch.equal(torch.cdist(part.x, centres).argmin(1), part["label"])


class Echo(Generator):
    """Draws its label."""

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return y.float()[:, None].expand(-1, 2)


class Mismatch(Discriminator):
    """Scores how far a sample is from its label."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (x[:, 0] - y).abs()


@pytest.mark.parametrize("rule", ["batch", "uniform"])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_fakes_are_judged_with_the_labels_they_were_made_from(rule, accumulate):
    game, feed, table = play("gan", batch=32, accumulate=accumulate, **CONDITIONAL)
    game.generator, game.judge.network = (
        Echo(16, game.conditions, (2,)),
        Mismatch(game.conditions, "concat"),
    )
    for (z,) in table.parts(game.drawn(feed.next(), table.noise, rule)):
        assert game.judge.verdict(game.generate(z)).logits.eq(0).all()


def test_label_rules():
    game, feed, table = play("gan", batch=400, **CONDITIONAL)
    real = feed.next()
    drawn = game.drawn(real, table.noise, "batch", copies=2)
    z, y = drawn.x, drawn["label"]
    assert z.shape == (800, 16)
    assert torch.equal(y, real["label"].repeat(2))
    y = game.drawn(real, table.noise, "uniform")["label"]
    assert (y != real["label"]).float().mean() > 0.7  # 7/8 differ by chance
    assert y.bincount(minlength=8).min() > 20


@pytest.mark.parametrize("labels", ["concat", "projection", "auxiliary"])
def test_conditional_rounds(labels):
    game, feed, table = play(
        "gan", conditional=True, discriminator=TINY | {"labels": labels}, constraint=None
    )
    rounds(game, feed, table, 2)
    assert game.conditions.classes == 8
    z, y = game.prior(3, Noise(0)), torch.tensor([0, 3, 7])
    assert game.sample(z, y).shape == (3, 2)
    assert not torch.equal(game.sample(z, y), game.sample(z, y.flip(0)))
    with pytest.raises(UsageError, match="label"):
        game.sample(z)


def test_auxiliary_classifier_weights():
    game, feed, table = play(
        "wgan-gp",
        conditional=True,
        discriminator=TINY | {"labels": "auxiliary"},
        penalties={"gradient": None},
    )
    real = feed.next()
    drawn = game.drawn(real, table.noise, "uniform")
    z, y = drawn.x, drawn["label"]
    fake = Batch(game.generator(z, y), y)
    on_real, on_fake = game.judge.verdict(real), game.judge.verdict(fake)

    def entropy(logits: Tensor, labels: Tensor) -> Tensor:
        return F.nll_loss(logits.log_softmax(1), labels)

    # The critic classifies real samples only, with weight 1; the generator's weight is 0.1.
    loss, *_ = game.judge.loss(real, fake, table)
    plain = on_fake.logits.mean() - on_real.logits.mean()
    torch.testing.assert_close(loss, plain + 1.0 * entropy(on_real.classes, real["label"]))
    loss, *_ = game.judge.lowered(real, fake)
    torch.testing.assert_close(loss, -on_fake.logits.mean() + 0.1 * entropy(on_fake.classes, y))


def test_unconditional_games_leave_labels_out():
    game, feed, table = play("gan")
    assert not game.conditions
    real = feed.next()
    assert list(game.judge.show(real, table)) == ["x"]
    assert list(game.latents(real, table)) == ["z"]


def test_labels_that_are_missing_or_useless_are_refused():
    with pytest.raises(UsageError, match="has none"):
        play("gan", source="swiss_roll", conditional=True, discriminator=TINY)
    with pytest.raises(UsageError, match="discriminator ignores"):
        play("gan", conditional=True, discriminator=TINY | {"labels": "none"})


# ---- settings, priors ---------------------------------------------------------------------------


def test_pairing_needs_as_many_fakes_as_real_samples():
    with pytest.raises(ValidationError, match="generator_batch"):
        config("gan", objective={"kind": "relativistic"}, generator_batch=2)


def test_every_system_has_its_papers_defaults():
    assert config("gan").objective == NonSaturating()
    settings = config("wgan-gp")
    assert settings.penalties["gradient"].weight == 10
    assert settings.discriminator_steps == 5
    assert (settings.generator_optimiser.lr, settings.generator_optimiser.beta1) == (1e-4, 0)
    settings = config("dcgan")
    assert settings.latent.kind == "uniform"
    assert (settings.generator_optimiser.lr, settings.generator_optimiser.beta1) == (2e-4, 0.5)


@pytest.mark.parametrize(
    ("kind", "low", "high", "mean", "variance"),
    [("normal", -9, 9, 0, 1), ("uniform", -1, 1, 0, 1 / 3), ("hypercube", 0, 1, 0.5, 1 / 12)],
)
def test_priors(kind, low, high, mean, variance):
    game, _, _ = play("gan", latent={"kind": kind, "dim": 5})
    z = game.prior(20_000, Noise(0))
    assert z.shape == (20_000, 5)
    assert low <= z.min()
    assert z.max() < high
    assert z.mean().item() == pytest.approx(mean, abs=0.02)
    assert z.var().item() == pytest.approx(variance, rel=0.03)
    half = game.prior(20_000, Noise(0), truncation=0.5)
    torch.testing.assert_close(half - mean, 0.5 * (z - mean))


def test_objectives_penalties_and_constraints_combine():
    game, feed, table = play(
        "gan",
        source="digits8",
        generator=SMALL_IMAGES,
        discriminator=SMALL_IMAGES | {"norm": "none", "labels": "projection"},
        objective={"kind": "hinge"},
        penalties={"gp": {"kind": "gradient", "one_sided": True}, "r1": {"kind": "r1"}},
        constraint={"kind": "spectral"},
        discriminator_steps=2,
        conditional=True,
        accumulate=2,
    )
    rounds(game, feed, table, 2)
    row = table.take_statistics()
    assert {"penalty/gp", "penalty/r1", "estimate/tv"} <= set(row)
    assert table.cancelled == 0
