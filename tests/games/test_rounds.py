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

    q = twin.settings.z1.posterior(*twin.encoder(labelled))
    drawn = q.draw((), turns.noise, "corrected")
    f = cross_entropy(labelled, twin.decoder(drawn.z))
    f = f + further(drawn.z, F.one_hot(y, 10).float()[:, None])[:, 0]
    log_q = twin.classifier(drawn.z).log_softmax(1)
    known = completed(drawn, f + 3 * log_q[torch.arange(10), y]) + q.law.entropy()

    q = twin.settings.z1.posterior(*twin.encoder(unlabelled))
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
