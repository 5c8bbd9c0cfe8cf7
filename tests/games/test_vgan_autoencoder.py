"""VGAN's baseline: what is encoded, and the mixture of codes."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from ganvas.data.feed import Feed
from ganvas.games.vgan_autoencoder import Mixture, VGANAutoencoder
from ganvas.play import Noise, Turns, build
from tests.games.clips import shapes


def made(**settings: Any) -> VGANAutoencoder:
    told = {"encoder": {"width": 4}, "decoder": {"kind": "vgan", "width": 4}, "code": 6}
    config = VGANAutoencoder.Config.model_validate(told | {"components": 3} | settings)
    return cast(VGANAutoencoder, build(VGANAutoencoder, config, shapes().spec, 0))


def test_a_mixture_finds_what_it_is_drawn_from() -> None:
    noise = Noise(0)
    which = noise.integers(3000, 4)
    centres = torch.tensor([[-6.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[which.clamp_max(2)]
    codes = centres + torch.tensor([0.5, 1.0]) * noise.normal(3000, 2)
    mixture = Mixture(3, 2)
    mixture.fit(codes)
    order = mixture.means[:, 0].argsort()
    means = torch.tensor([[-6.0, 0.0], [0.0, 6.0], [6.0, 0.0]])
    torch.testing.assert_close(mixture.means[order], means, atol=0.15, rtol=0)
    torch.testing.assert_close(
        mixture.shares[order], torch.tensor([0.25, 0.5, 0.25]), atol=0.03, rtol=0
    )
    torch.testing.assert_close(
        mixture.deviations, torch.tensor([[0.5, 1.0]]).expand(3, 2), atol=0.06, rtol=0
    )
    drawn = mixture.draw(4000, Noise(1))
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=0.25, rtol=0)
    torch.testing.assert_close(drawn.std(0), codes.std(0), atol=0.25, rtol=0)
    assert torch.equal(mixture.draw(50, Noise(1), 0.0).unique(dim=0), mixture.means[order])


def test_few_codes_have_fewer_components() -> None:
    mixture = Mixture(256, 3)
    mixture.fit(torch.randn(20, 3))
    assert (mixture.shares > 0).sum() <= 10
    assert mixture.draw(100, Noise(0)).isfinite().all()


def test_the_mixture_comes_after_the_autoencoder() -> None:
    game = made()
    feed, turns = Feed(shapes(), batch=4, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    first, last = game.stages()
    assert first.prepares
    assert (last.prepares, last.rounds) == (False, 1)
    first.play(feed, turns)
    weights = [p.clone() for p in game.parameters()]
    last.play(feed, turns)
    assert all(torch.equal(a, b) for a, b in zip(weights, game.parameters(), strict=True))
    assert game.training
    assert game.mixture.shares.sum().item() == pytest.approx(1)
    codes = game.eval().encode(shapes().spec.domain.encode(shapes().known.x))
    drawn = game.prior(500, Noise(0))
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=4 * codes.std().item(), rtol=0)
    assert game.sample(drawn[:3]).shape == (3, 3, 8, 8, 8)


def test_what_is_minimised_is_the_square() -> None:
    game = made()
    feed, turns = Feed(shapes(), batch=4, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    x = Feed(shapes(), batch=4, seed=0).next().x
    wanted = (game.train().reconstruct(x) - x).square().mean()
    game.round(feed, turns)
    assert turns.take_statistics()["loss/autoencoder"] == pytest.approx(wanted.item(), rel=1e-4)
