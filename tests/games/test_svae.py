"""S-VAE: bounds, closed forms, gradients, twins; and what is measured of it."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data.choice import at_most
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.games.parts.latents import Gaussian, NormalLatent, PowerSphericalLatent, VMFLatent
from ganvas.games.parts.likelihoods import BernoulliLikelihood, NormalLikelihood
from ganvas.games.svae import SVAE, SVAEConfig, baseline
from ganvas.metrics.classification import neighbour_accuracy
from ganvas.play import Noise, Turns, build
from ganvas.recipes import load_recipe

MLP = {"kind": "mlp", "widths": [16]}
DIGITS = open_data(DataSettings(source="digits8", hold_out=0.2))


def game(**settings: Any) -> SVAE:
    config = SVAEConfig.model_validate({"encoder": MLP, "decoder": MLP} | settings)
    return cast(SVAE, build(SVAE, config, DIGITS.spec, 0))


def images(n: int = 6) -> Tensor:
    return DIGITS.spec.domain.encode(DIGITS.items("test").x[:n])


@pytest.mark.parametrize("kind", ["normal", "vmf", "power-spherical"])
def test_divergences_are_expectations(kind: str) -> None:
    latent = game(latent={"kind": kind, "dim": 3}).latent
    location = torch.randn(4, latent.width)
    q = latent.posterior(location, torch.randn(4, latent.spread))
    z = q.draw((20_000,), Noise(0), "path").z
    ratio = q.log_prob(z) - latent.log_prior(z)
    error = ratio.std(0) / 20_000**0.5
    assert ((ratio.mean(0) - q.kl_to_prior()).abs() < 4 * error + 1e-4).all()
    assert ((-q.log_prob(z).mean(0) - q.entropy()).abs() < 4 * error + 0.01).all()
    draws = latent.prior(5, Noise(1))
    assert draws.shape == (5, latent.width)


def test_dimensions_are_those_of_the_manifold() -> None:
    assert (NormalLatent(dim=2).width, NormalLatent(dim=2).spread) == (2, 2)
    assert (VMFLatent(dim=2).width, VMFLatent(dim=2).spread) == (3, 1)
    with pytest.raises(UsageError, match="no middle"):
        PowerSphericalLatent(dim=2).prior(3, Noise(0), truncation=0.5)


def test_concentrations_start_at_the_offset_and_end() -> None:
    spread = torch.tensor([[-1e4], [0.0], [1e9]])
    scale = VMFLatent().posterior(torch.randn(3, 3), spread).law.scale  # pyright: ignore
    torch.testing.assert_close(scale, torch.tensor([1.0, 1 + math.log(2), 1e5]))
    low = VMFLatent(offset=0.25).posterior(torch.randn(3, 3), spread).law.scale  # pyright: ignore
    torch.testing.assert_close(low, torch.tensor([0.25, 0.25 + math.log(2), 1e5]))


def test_truncation_draws_latents_of_the_plane_to_its_middle() -> None:
    z, near = (NormalLatent(dim=3).prior(5, Noise(0), t) for t in (1.0, 0.3))
    torch.testing.assert_close(near, 0.3 * z)


def test_a_fixed_concentration_gives_the_divergence_no_gradient() -> None:
    one = game(latent={"kind": "vmf", "dim": 3, "fixed_scale": 7.0})
    divergence = one.infer(one.likelihood.inputs(images())).kl_to_prior()
    assert divergence.unique().numel() == 1
    reached = (
        torch.autograd.grad(divergence.sum(), list(one.encoder.parameters()), allow_unused=True)
        if divergence.requires_grad
        else []
    )
    assert all(g is None or not g.any() for g in reached)


def linear_gaussian() -> tuple[SVAE, Tensor, Tensor]:
    """Return an N-VAE whose decoder is linear, items, and their exact log-likelihood."""
    source = open_data(DataSettings(source="ring8"))
    config = SVAEConfig.model_validate(
        {
            "latent": {"kind": "normal", "dim": 2},
            "likelihood": {"kind": "normal", "sigma": 0.5},
            "encoder": MLP,
            "decoder": MLP,
        }
    )
    one = cast(SVAE, build(SVAE, config, source.spec, 0))
    weight, bias = torch.tensor([[1.0, 0.5], [-0.3, 0.8]]), torch.tensor([0.2, -0.1])
    one.decoded = lambda z: z @ weight.T + bias  # pyright: ignore[reportAttributeAccessIssue]
    with torch.no_grad():  # posteriors wide enough to reach every latent
        one.encoder.spread.bias.fill_(1.5)
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(1))
    covariance = weight @ weight.T + 0.25 * torch.eye(2)
    exact = torch.distributions.MultivariateNormal(bias, covariance).log_prob(x)
    return one, x, exact


def test_importance_weights_reach_the_closed_form() -> None:
    one, x, exact = linear_gaussian()
    few, some, many = (one.estimates(x, Noise(0), k) for k in (1, 20, 3000))
    elbo = (many.reconstruction - many.divergence).mean()
    means = [e.log_likelihood.mean().item() for e in (few, some, many)]
    assert elbo.item() <= means[1] <= means[2]  # tighter with every sample
    assert means[0] <= means[1]
    torch.testing.assert_close(many.log_likelihood, exact, atol=0.25, rtol=0)
    assert many.log_likelihood.mean().item() == pytest.approx(exact.mean().item(), abs=0.02)


@pytest.mark.parametrize("kind", ["normal", "vmf"])
def test_the_bound_is_below_the_likelihood_on_images(kind: str) -> None:
    one = game(latent={"kind": kind, "dim": 2})
    found = one.estimates(images(50), Noise(0), 200)
    assert (found.reconstruction - found.divergence).mean() <= found.log_likelihood.mean()
    assert (found.divergence >= 0).all()
    assert one.score(images()).shape == (6,)
    assert torch.equal(one.score(images()), one.score(images()))


def test_pixels_are_drawn_with_their_grey_level() -> None:
    grey = torch.full((4000, 1, 1, 1), 0.5)  # network units: a level of 0.75
    drawn = BernoulliLikelihood().observe(grey, Noise(0))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert drawn.mean().item() == pytest.approx(0.75, abs=0.03)
    assert torch.equal(
        BernoulliLikelihood(binarise=False).observe(grey, Noise(0)), torch.full_like(grey, 0.75)
    )


def test_likelihoods_are_those_of_torch() -> None:
    x, logits = torch.rand(3, 2, 4).round(), torch.randn(5, 3, 2, 4)
    wanted = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum((2, 3))
    torch.testing.assert_close(BernoulliLikelihood().log_prob(x, logits), wanted)
    wanted = torch.distributions.Normal(logits, 0.3).log_prob(x).sum((2, 3))
    torch.testing.assert_close(NormalLikelihood(sigma=0.3).log_prob(x, logits), wanted)


def test_means_of_decodings_are_those_of_the_law() -> None:
    """A pixel of log-odds l is 1 with probability σ(l), and levels in [0, 1] fill [−1, 1]."""
    decoded = torch.linspace(-4, 4, 9)
    torch.testing.assert_close(BernoulliLikelihood().mean(decoded), 2 / (1 + (-decoded).exp()) - 1)
    assert torch.equal(NormalLikelihood().mean(decoded), decoded)


def test_the_gaussian_is_that_of_torch() -> None:
    mean, deviation, z = torch.randn(3, 4), torch.rand(3, 4) + 0.1, torch.randn(7, 3, 4)
    ours = Gaussian(mean, deviation)
    law = torch.distributions.Independent(torch.distributions.Normal(mean, deviation), 1)
    torch.testing.assert_close(ours.log_prob(z), law.log_prob(z))
    torch.testing.assert_close(ours.entropy(), law.entropy())
    assert ours.draw((2, 5), Noise(0), "path").z.shape == (2, 5, 3, 4)


def objective_slope(gradient: str, rounds: int) -> tuple[Tensor, Tensor]:
    """Return estimates of d E log p(x|z) / d(spread's bias) for one image, and their errors."""
    one = game(latent={"kind": "vmf", "dim": 4, "offset": 1.0}, gradient=gradient)
    x = one.likelihood.inputs(images(1)).expand(rounds, -1, -1, -1)
    bias = torch.zeros(rounds, 1, requires_grad=True)
    with torch.no_grad():
        location = one.encoder(x[:1]).location.expand(rounds, -1)
    q = one.latent.posterior(location, bias)
    drawn = q.draw((), Noise(5), gradient)  # pyright: ignore[reportArgumentType]
    f = one.likelihood.log_prob(x, one.decoder(5 * drawn.z))
    (slopes,) = torch.autograd.grad((f + drawn.correction(f, f.mean().detach())).sum(), bias)
    return slopes.mean(), slopes.std() / rounds**0.5


def test_gradients_of_the_reconstruction_agree() -> None:
    corrected, error = objective_slope("corrected", 40_000)
    implicit, other = objective_slope("implicit", 40_000)
    assert abs(corrected - implicit) < 4 * (error + other)
    path, smaller = objective_slope("path", 40_000)
    assert abs(path - implicit) > 6 * (smaller + other)


def test_the_baseline_leaves_each_one_out() -> None:
    f = torch.tensor([[1.0, 2.0, 6.0]])
    torch.testing.assert_close(baseline(f), torch.tensor([[4.0, 3.5, 1.5]]))
    f = torch.tensor([[1.0, 2.0], [3.0, 8.0], [5.0, 5.0]])
    torch.testing.assert_close(baseline(f), torch.tensor([[4.0, 6.5], [3.0, 3.5], [2.0, 5.0]]))


def test_a_bounded_decoder_is_refused() -> None:
    with pytest.raises(UsageError, match="game.decoder.output=none"):
        game(decoder=MLP | {"output": "tanh"})


def test_networks_of_the_paper() -> None:
    recipe = load_recipe("svae/mnist", data=None, overrides=["data.source=digits"])
    one = cast(Any, build(recipe.game_type, recipe.game_config, open_data(recipe.data).spec, 0))
    heads = 128 * 3 + 3 + 128 + 1
    encoder = 784 * 256 + 256 + 256 * 128 + 128 + heads
    decoder = 3 * 128 + 128 + 128 * 256 + 256 + 256 * 784 + 784
    assert sum(p.numel() for p in one.encoder.parameters()) == encoder
    assert sum(p.numel() for p in one.decoder.parameters()) == decoder


def test_what_is_measured() -> None:
    evaluation = {"items": 60, "samples": 10, "labels": [100, 101, 10**6]}
    one = game(latent={"kind": "vmf", "dim": 2}, evaluation=evaluation).eval()
    scores = one.measures(DIGITS, seed=0)
    assert set(scores) == {
        *("log_likelihood", "elbo", "reconstruction", "divergence"),
        "accuracy_100_labels",  # other numbers of labels do not fit the data
    }
    values = {name: score.value for name, score in scores.items()}
    assert values["elbo"] == pytest.approx(values["reconstruction"] - values["divergence"])
    assert values["log_likelihood"] >= values["elbo"]
    assert scores["elbo"].protocol.samples == 60
    assert values == {n: s.value for n, s in one.measures(DIGITS, seed=0).items()}


def test_measures_are_of_the_items_samples_seed_and_neighbours_asked_for() -> None:
    evaluation = {"items": 60, "samples": 10, "neighbours": 3, "labels": [100]}
    one = game(latent={"kind": "vmf", "dim": 2}, evaluation=evaluation).eval()
    found = one.measures(DIGITS, seed=4)
    chosen = at_most(DIGITS.items("test").x, 60)
    wanted = one.estimates(DIGITS.spec.domain.encode(chosen), Noise(4), 10)
    assert found["log_likelihood"].value == pytest.approx(wanted.log_likelihood.mean().item())
    assert found["reconstruction"].value == pytest.approx(wanted.reconstruction.mean().item())

    train, test = (DIGITS.items(split) for split in ("train", "test"))
    with torch.no_grad():
        known, asked = (one.encode(DIGITS.spec.domain.encode(i.x)) for i in (train, test))
    sides = (known, train["label"]), (asked, test["label"])
    accuracy = neighbour_accuracy(*sides, 100, k=3, seed=4)
    assert found["accuracy_100_labels"].value == pytest.approx(accuracy.value)


def test_scores_are_of_fifty_samples_and_codes_of_grey_levels() -> None:
    one, x = game(latent={"kind": "vmf", "dim": 2}), images()
    assert one.score(x).equal(one.estimates(x, Noise(0), 50).log_likelihood)
    assert one.encode(x).equal(one.infer((x + 1) / 2).centre)


@pytest.mark.parametrize("kind", ["normal", "vmf"])
def test_training_raises_the_bound(kind: str) -> None:
    """And no number is ever lost: 200 rounds, every statistic finite."""
    one = game(
        latent={"kind": kind, "dim": 2}, optimiser={"kind": "adam", "lr": 3e-3, "beta1": 0.9}
    )
    before = one.estimates(images(100), Noise(0), 5)
    feed, turns = Feed(DIGITS, batch=32, seed=0), Turns(one.players, Noise(0))
    turns.hold()
    for number in range(200):
        turns.round, turns.progress = number, number / 200
        one.round(feed, turns)
    assert all(np.isfinite(value) for value in turns.take_statistics().values())
    after = one.estimates(images(100), Noise(0), 5)
    gained = (after.log_likelihood - before.log_likelihood).mean()
    assert gained > 8
