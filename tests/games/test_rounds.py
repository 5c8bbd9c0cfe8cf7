"""One round's gradients, against the sums of the papers written out.

Plain gradient steps of size 1 are played, so that a network moves by minus its gradient; a twin
with the same seeds says what that should have been.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import kl_divergence

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.games import find_game
from ganvas.nn import Draw, HypersphericalUniform
from ganvas.play import Game, Noise, Turns, build
from tests.games.tables import TINY, play, rounds

CUBE = {"latent": {"kind": "hypercube", "dim": 5}}
STEP = {"kind": "sgd", "lr": 1.0, "momentum": 0.0}
DIGITS = open_data(DataSettings(source="digits8"))


def table(system: str, **settings: Any) -> tuple[Any, Feed, Turns]:
    """Return a fresh autoencoder that steps by its gradient, its data and its table."""
    coded = {"encoder": TINY, "decoder": TINY, "optimiser": STEP}
    kind = find_game(system)
    game = build(kind, kind.Config.model_validate(coded | settings), DIGITS.spec, 0)
    turns = Turns(game.players, Noise(0))
    turns.hold()
    return game, Feed(DIGITS, batch=8, seed=0, streams=game.streams()), turns


def steps(game: Game, feed: Feed, turns: Turns, *networks: str) -> dict[str, Tensor]:
    """Play a round; return by how much each parameter of the networks moved, sign turned."""
    moved = {f"{n}.{k}": p for n in networks for k, p in game.get_submodule(n).named_parameters()}
    before = {name: p.detach().clone() for name, p in moved.items()}
    game.round(feed, turns)
    return {name: before[name] - p.detach() for name, p in moved.items()}


def slopes(loss: Tensor, game: nn.Module, *networks: str) -> dict[str, Tensor]:
    """Return the gradient of a loss in each parameter of the networks."""
    named = {f"{n}.{k}": p for n in networks for k, p in game.get_submodule(n).named_parameters()}
    found = torch.autograd.grad(loss, list(named.values()))
    return dict(zip(named, found, strict=True))


def only(found: dict[str, Tensor], names: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: found[name] for name in names}


def others(f: Tensor) -> Tensor:
    """Return for each of (N,) the mean of the others, without gradient."""
    f = f.detach()
    return torch.stack([torch.cat([f[:i], f[i + 1 :]]).mean() for i in range(len(f))])


def completed(drawn: Draw, f: Tensor) -> Tensor:
    """Return f (N,) with the gradient of its expectation: zero is added, with the slope g_cor."""
    assert drawn.score is not None
    score = drawn.score.flatten()
    return f + (f.detach() - others(f)) * (score - score.detach())


def cross_entropy(x: Tensor, logits: Tensor) -> Tensor:
    """Return log p(x|z), (N,), of pixels in [0, 1] and log-odds (N, *shape)."""
    p = logits.double().sigmoid()
    return (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1).float()


def test_a_round_of_svae() -> None:
    """L = E log p(x|z) − w KL, and g_cor; the weight is that of the schedule at this time."""
    warm = {"start": 0.0, "end": 2.0, "shape": "linear"}
    settings = {"latent": {"kind": "vmf", "dim": 3}, "kl_weight": warm}
    game, feed, turns = table("svae", **settings)
    turns.progress = 0.3
    found = steps(game, feed, turns, "encoder", "decoder")

    twin, feed, turns = table("svae", **settings)
    twin.requires_grad_(True)
    grey = (feed.next().x + 1) / 2
    x = (turns.noise.uniform(*grey.shape) < grey).float()
    q = twin.infer(x)
    drawn = q.draw((1,), turns.noise, "corrected")
    f = cross_entropy(x, twin.decoder(drawn.z[0]))
    objective = completed(drawn, f) - 0.6 * kl_divergence(q.law, HypersphericalUniform(4))
    wanted = slopes(-objective.mean(), twin, "encoder", "decoder")
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_round_of_m1_and_m2() -> None:
    """Σ ℒ(x, y) + Σ 𝒰(x) − α Σ −log q(y|z1), one class after the other, and g_cor of both."""
    settings = {
        "z1": {"kind": "vmf", "dim": 3},
        "z2": {"kind": "vmf", "dim": 4},
        "between": {"widths": [8]},
        "labels": 20,
        "labelled_batch": 10,
        "alpha": 3.0,
        "likelihood": {"kind": "bernoulli", "binarise": False},
    }
    networks = ("encoder", "decoder", "classifier", "style", "content")
    game, feed, turns = table("svae-m2", **settings)
    found = steps(game, feed, turns, *networks)

    twin, feed, turns = table("svae-m2", **settings)
    twin.requires_grad_(True)
    known = feed.next("labelled")
    x, y = known.x, known["label"]
    labelled, unlabelled = (x + 1) / 2, (feed.next().x + 1) / 2

    def further(z1: Tensor, classes: Tensor) -> Tensor:
        """Return E log p(z1|z2, y) − KL + log p(y) for classes (N, Y, K)."""
        z1 = z1[:, None].expand(-1, classes.shape[1], -1)
        q = twin.infer_style(z1, classes)
        drawn = q.draw((), turns.noise, "corrected")
        fit = twin.infer_content(drawn.z, classes).law.log_prob(z1)
        fit = completed(drawn, fit.flatten()).view_as(fit)
        return fit - kl_divergence(q.law, HypersphericalUniform(5)) - math.log(10)

    q = twin.config.z1.posterior(*twin.encoder(labelled))
    drawn = q.draw((), turns.noise, "corrected")
    f = cross_entropy(labelled, twin.decoder(drawn.z))
    f = f + further(drawn.z, F.one_hot(y, 10).float()[:, None])[:, 0]
    log_q = twin.classifier(drawn.z).log_softmax(1)
    known = completed(drawn, f + 3 * log_q[torch.arange(10), y]) + q.law.entropy()

    q = twin.config.z1.posterior(*twin.encoder(unlabelled))
    drawn = q.draw((), turns.noise, "corrected")
    f = cross_entropy(unlabelled, twin.decoder(drawn.z))
    log_q = twin.classifier(drawn.z).log_softmax(1)
    bounds = further(drawn.z, torch.eye(10).expand(8, -1, -1))
    for k in range(10):
        f = f + log_q[:, k].exp() * (bounds[:, k] - log_q[:, k])
    unknown = completed(drawn, f) + q.law.entropy()

    wanted = slopes(-known.mean() - unknown.mean(), twin, *networks)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", ["cosine", "mse"])
def test_a_round_of_memorygan(form: str) -> None:
    """Both networks *lower* λÎ: the query network by −λκ E K_cᵀμ(x̃) as well as G."""
    settings: dict[str, Any] = {
        "memory": {"slots": 40, "dim": 6, "neighbours": 16},
        "latent": {"kind": "normal", "dim": 3},
        "generator_optimiser": STEP,
        "discriminator_optimiser": STEP,
        "information": 0.7,
        "information_form": form,
    }
    game, feed, turns = play("memorygan", **settings)
    rounds(game, feed, turns, 2)  # an empty memory has no slope
    found = steps(game, feed, turns, "discriminator", "generator")

    twin, feed, turns = play("memorygan", **settings)
    rounds(twin, feed, turns, 2)
    twin.requires_grad_(True)
    x = feed.next().x

    def information(h: Tensor, keys: Tensor) -> Tensor:
        raw = twin.head.raw(h)
        if form == "mse":
            return 0.7 * (raw - keys).square().mean()
        return -0.7 * twin.memory.kappa * (keys * F.normalize(raw, dim=1)).sum(1).mean()

    z = twin.prior(16, turns.noise)
    fake = twin.generator(z).detach()
    h, h_fake = twin.discriminator.features(x), twin.discriminator.features(fake)
    on_real, on_fake = twin.discriminator.head(h), twin.discriminator.head(h_fake)
    loss = -(on_real.sigmoid().log().mean() + (1 - on_fake.sigmoid()).log().mean())
    wanted = slopes(loss + information(h_fake, z[:, :6]), twin, "discriminator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-6)

    twin.memory.update(twin.head.query(h).detach(), twin.head.query(h_fake).detach())
    with torch.no_grad():
        for name, parameter in twin.discriminator.named_parameters():
            parameter -= wanted[f"discriminator.{name}"]
    z = twin.prior(16, turns.noise)
    h_fake = twin.discriminator.features(twin.generator(z))
    loss = (1 - twin.discriminator.head(h_fake).sigmoid()).log().mean()
    wanted = slopes(loss + information(h_fake, z[:, :6]), twin, "generator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-6)


PAIRED: dict[str, Any] = {
    "latent": {"kind": "normal", "dim": 5},
    "encoder": TINY,
    **{f"{name}_optimiser": STEP for name in ("generator", "encoder", "discriminator")},
}


def test_a_round_of_ali() -> None:
    """D tells (x, z_e) from (G(z), z), z_e ~ N(μ, σ²); then G and E lower it with labels turned."""
    settings = PAIRED | {"encoder": TINY | {"spread": True}}
    game, feed, turns = play("ali", **settings)
    found = steps(game, feed, turns, "discriminator", "generator", "encoder")

    twin, feed, turns = play("ali", **settings)
    twin.requires_grad_(True)
    x, z = feed.next().x, turns.noise.normal(16, 5)

    def drawn() -> Tensor:
        code = twin.encoder(x)
        return code.mean + code.log_variance.exp().sqrt() * turns.noise.normal(16, 4)

    def loss(real: float, z_e: Tensor) -> Tensor:
        on_data = twin.discriminator(x, z_e).sigmoid()
        on_fakes = twin.discriminator(twin.generator(z), z[:, :4]).sigmoid()
        if real:
            return -on_data.log().mean() - (1 - on_fakes).log().mean()
        return -(1 - on_data).log().mean() - on_fakes.log().mean()

    wanted = slopes(loss(1, drawn()), twin, "discriminator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        for name, parameter in twin.discriminator.named_parameters():
            parameter -= wanted[f"discriminator.{name}"]
    wanted = slopes(loss(0, drawn()), twin, "generator", "encoder")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-6)


def test_a_round_of_veegan_whose_reconstructor_learns_from_the_judge() -> None:
    """F lowers d(z, F(G(z))) and raises D(x, z_g): real pairs are to be taken for generated."""
    settings = PAIRED | {"theta_adv": "ali"}
    game, feed, turns = play("veegan", **settings)
    found = steps(game, feed, turns, "encoder")

    twin, feed, turns = play("veegan", **settings)
    twin.requires_grad_(True)
    x, z = feed.next().x, turns.noise.normal(16, 5)
    distance = (z[:, :4] - twin.encoder(twin.generator(z)).mean).square().sum(1).mean() / 2
    z_g = twin.encoder(x).mean + turns.noise.normal(16, 4)
    wanted = slopes(distance - twin.discriminator(x, z_g).mean(), twin, "encoder")
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", ["latent", "moment"])
def test_a_step_of_veegans_pretraining(target: str) -> None:
    settings = PAIRED | {"pretraining": 3, "pretraining_target": target}
    game, feed, turns = play("veegan", **settings)
    game.round = game.stages()[0].play
    found = steps(game, feed, turns, "encoder")

    twin, feed, turns = play("veegan", **settings)
    twin.requires_grad_(True)
    x = feed.next().x
    if target == "latent":
        z = turns.noise.normal(16, 5)
        loss = (z[:, :4] - twin.encoder(twin.generator(z)).mean).square().sum(1).mean() / 2
    else:
        code = twin.encoder(x).mean
        loss = (code.mean(0).square() + (code.var(0, correction=0) - 1).square()).sum()
    torch.testing.assert_close(found, slopes(loss, twin, "encoder"), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("system", ["ali", "gan"])
def test_the_middle_of_a_cube_is_a_half(system: str) -> None:
    """Truncation draws latents towards it, and it stands in for noise that no encoder finds."""
    game, _, _ = play(system, **({"encoder": TINY} if system == "ali" else {}) | CUBE)
    z = game.prior(50, Noise(1))
    torch.testing.assert_close(game.prior(50, Noise(1), 0.2), 0.5 + 0.2 * (z - 0.5))
    if system == "ali":
        assert torch.equal(game.with_middle(z[:, :4])[:, 4:], torch.full((50, 1), 0.5))


def half(end: float) -> dict[str, Any]:
    """Return a schedule that rises to a number, and is at half of it after half of the run."""
    return {"start": 0.0, "end": end, "shape": "linear"}


STEEP = {f"{name}_optimiser": STEP for name in ("generator", "discriminator")}


def test_a_round_with_noise_packs_parts_smoothing_penalty_constraint_and_matching() -> None:
    settings: dict[str, Any] = STEEP | {
        "objective": {"kind": "nonsaturating", "real": 0.9},
        "packing": 2,
        "accumulate": 2,
        "instance_noise": half(0.8),
        "penalties": {"r1": {"kind": "r1", "weight": half(3.0)}},
        "constraint": {"kind": "orthonormal", "weight": half(0.2)},
        "feature_matching": {"weight": 3.0, "alone": False},
    }
    game, feed, turns = play("gan", **settings)
    turns.progress = 0.5
    found = steps(game, feed, turns, "discriminator", "generator")

    twin, feed, turns = play("gan", **settings)
    twin.requires_grad_(True)
    judge: Any = twin.discriminator

    def packs(noisy: Tensor) -> Tensor:
        pairs = range(0, len(noisy), 2)
        return torch.stack([torch.cat([noisy[i], noisy[i + 1]]) for i in pairs])

    def shown(x: Tensor) -> Tensor:
        return packs(x + 0.4 * turns.noise.normal(*x.shape))

    parts = feed.next().x.chunk(2)
    z = twin.prior(16, turns.noise).chunk(2)
    fakes = [twin.generator(part).detach() for part in z]
    real, fake = [shown(x) for x in parts], [shown(x) for x in fakes]
    loss = torch.zeros(())
    for x, x_fake in zip(real, fake, strict=True):
        p, q = judge(x.requires_grad_()).sigmoid(), judge(x_fake).sigmoid()
        (slope,) = torch.autograd.grad(judge(x).sum(), x, create_graph=True)
        loss = loss - (0.9 * p.log() + 0.1 * (1 - p).log() + (1 - q).log()).mean()
        loss = loss + 1.5 * slope.square().sum(1).mean() / 2
    weights = [p for p in judge.parameters() if p.dim() == 2]
    apart = sum((w.T @ w - torch.eye(w.shape[1])).square().sum() for w in weights)
    wanted = slopes(loss / 2 + 0.1 * apart, twin, "discriminator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-5)

    with torch.no_grad():
        for name, parameter in judge.named_parameters():
            parameter -= wanted[f"discriminator.{name}"]
    z, loss = twin.prior(16, turns.noise).chunk(2), torch.zeros(())
    # What is drawn inside of parts is drawn for the whole batch, of which each part has its rows.
    on_fake, on_real = (0.4 * turns.noise.normal(16, 2) for _ in range(2))
    for x, part, a, b in zip(parts, z, on_fake.chunk(2), on_real.chunk(2), strict=True):
        fake_x = packs(twin.generator(part) + a)
        away = judge.features(packs(x + b)).mean(0) - judge.features(fake_x).mean(0)
        loss = loss - judge(fake_x).sigmoid().log().mean() + 3 * away.square().sum()
    wanted = slopes(loss / 2, twin, "generator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-5)


def test_a_round_with_a_classifier_labels_of_both_rules_and_more_fakes() -> None:
    settings: dict[str, Any] = STEEP | {
        "objective": {"kind": "least_squares", "real": 0.8, "fake": -0.6, "wanted": 0.5},
        "conditional": True,
        "discriminator": TINY | {"labels": "auxiliary"},
        "labels": {"fakes": "uniform", "generator": "batch", "real_weight": 2.5},
        "generator_batch": 3,
        "penalties": {"p": {"kind": "gradient", "weight": 2.0, "target": 0.5}},
    }
    settings["labels"] |= {"fake_weight": 0.7, "own_fake_weight": 1.3}
    game, feed, turns = play("gan", **settings)
    found = steps(game, feed, turns, "discriminator", "generator")

    twin, feed, turns = play("gan", **settings)
    twin.requires_grad_(True)
    judge: Any = twin.discriminator

    def classes(x: Tensor, y: Tensor) -> Tensor:
        return F.nll_loss(judge.classify(judge.features(x, y)).log_softmax(1), y)

    batch = feed.next()
    x, y = batch.x, batch["label"]
    assert y is not None
    z, y_fake = twin.prior(16, turns.noise), turns.noise.integers(16, 8)
    fake = twin.generator(z, y_fake).detach()
    share = turns.noise.uniform(16)[:, None]
    between = (share * x + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(judge(between, y).sum(), between, create_graph=True)
    loss = ((judge(x, y) - 0.8).square().mean() + (judge(fake, y_fake) + 0.6).square().mean()) / 2
    loss = loss + 2.5 * classes(x, y) + 1.3 * classes(fake, y_fake)
    loss = loss + 2 * (slope.norm(dim=1) - 0.5).square().mean()
    wanted = slopes(loss, twin, "discriminator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-5)

    with torch.no_grad():
        for name, parameter in judge.named_parameters():
            parameter -= wanted[f"discriminator.{name}"]
    y = y.repeat(3)
    fake = twin.generator(twin.prior(48, turns.noise), y)
    loss = (judge(fake, y) - 0.5).square().mean() / 2 + 0.7 * classes(fake, y)
    wanted = slopes(loss, twin, "generator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-5)
