"""ALI and VEEGAN: the sheet's invariants."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.networks import JOINT_PRESETS
from ganvas.play import Noise
from tests.games.tables import play, rounds

BODY = {"kind": "mlp", "widths": [16, 16]}
TINY: dict[str, Any] = {
    "latent": {"kind": "normal", "dim": 5},
    "generator": BODY,
    "encoder": BODY,
    "discriminator": BODY,
}


def made(system: str, **settings: Any) -> tuple[Any, Any, Any]:
    return play(system, **(TINY | settings))


def snapshot(game: nn.Module) -> dict[str, dict[str, Tensor]]:
    return {
        name: {k: v.clone() for k, v in part.state_dict().items()}
        for name, part in game.named_children()
    }


def gradients(network: nn.Module, loss: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(
        loss, list(network.parameters()), retain_graph=True, allow_unused=True
    )
    return [torch.zeros(()) if g is None else g for g in found]


def freed(game: nn.Module) -> Any:
    return game.requires_grad_(True)


def test_parameter_counts_of_the_notebook() -> None:
    game, _, _ = play("veegan", generator={"preset": "toyV"}, discriminator={"preset": "toyV"})
    parts = (game.generator, game.encoder, game.discriminator)
    assert [sum(p.numel() for p in part.parameters()) for part in parts] == [49538, 49662, 33025]


def test_orientation_a_logistic_judge_of_two_gaussians() -> None:
    """Generated N(0, 1) against real N(1, 1): D(x) = ½ − x, high on generated pairs."""
    game, _, _ = made("veegan")
    weight = torch.zeros(2, dtype=torch.double, requires_grad=True)

    def judge(x: Tensor, z: Tensor) -> Tensor:
        return weight[0] + weight[1] * x[:, 0]

    game.discriminator.forward = judge
    normal = torch.randn(40_000, 1, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    none = torch.zeros(40_000, 4, dtype=torch.double)
    search = torch.optim.LBFGS([weight], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        loss = game.regression(normal.flip(0) + 1, none, normal, none)
        loss.backward()
        return loss

    search.step(closure)
    assert weight.tolist() == pytest.approx([0.5, -1.0], abs=0.05)


@pytest.mark.parametrize("simultaneous", [True, False])
def test_each_player_is_moved_by_its_own_gradient(simultaneous: bool) -> None:
    """One SGD round moves each network by exactly Algorithm 1's gradient, and no other way."""
    sgd = {"kind": "sgd", "lr": 0.1}
    rates = {f"{name}_optimiser": sgd for name in ("generator", "encoder", "discriminator")}
    game, feed, table = made("veegan", simultaneous=simultaneous, **rates)
    before = copy.deepcopy(game)
    x = copy.deepcopy(feed).next().x
    noise = copy.deepcopy(table.noise)
    game.round(feed, table)

    freed(before)
    z = before.latent.draw(len(x), noise)
    if not simultaneous:
        with torch.no_grad():
            x_g, z_g = before.generator(z), before.draw(x, noise)
        loss = before.regression(x, z_g, x_g, z)
        moved = gradients(before.discriminator, loss)
        with torch.no_grad():
            for p, g in zip(before.discriminator.parameters(), moved, strict=True):
                p -= 0.1 * g
    x_g = before.generator(z)
    z_g = before.draw(x, noise)
    found = before.encoder(x_g).mean
    distance = 0.5 * (before.split(z) - found).square().sum(1).mean()
    expected = {
        "generator": gradients(
            before.generator, before.discriminator(x_g, before.split(z)).mean() + distance
        ),
        "encoder": gradients(before.encoder, distance),
    }
    if simultaneous:
        on_generated = before.discriminator(x_g.detach(), before.split(z))
        on_real = before.discriminator(x, z_g.detach())
        regression = F.softplus(-on_generated).mean() + F.softplus(on_real).mean()
        expected["discriminator"] = gradients(before.discriminator, regression)
    for name, found_gradients in expected.items():
        pairs = zip(
            before.get_submodule(name).parameters(),
            game.get_submodule(name).parameters(),
            found_gradients,
            strict=True,
        )
        for old, new, gradient in pairs:
            torch.testing.assert_close(new, old - 0.1 * gradient, atol=1e-5, rtol=1e-4)


def test_the_reconstructor_does_not_learn_from_the_discriminator() -> None:
    moved = []
    for seed in (1, 2):
        game, feed, table = made("veegan")
        torch.manual_seed(seed)
        for parameter in game.discriminator.parameters():
            nn.init.normal_(parameter)
        game.round(feed, table)
        moved.append(torch.cat([p.flatten() for p in game.encoder.parameters()]))
    assert moved[0].equal(moved[1])
    game, feed, table = made("veegan", theta_adv="ali")
    torch.manual_seed(1)
    for parameter in game.discriminator.parameters():
        nn.init.normal_(parameter)
    game.round(feed, table)
    assert not moved[0].equal(torch.cat([p.flatten() for p in game.encoder.parameters()]))


@pytest.mark.parametrize(("system", "learns"), [("veegan", True), ("ali", False)])
def test_a_constant_judge_still_teaches_the_generator_of_veegan(system: str, learns: bool) -> None:
    still = {"kind": "sgd", "lr": 1e-30}  # D stays where it is
    game, feed, table = made(system, discriminator_optimiser=still)
    for parameter in game.discriminator.parameters():
        nn.init.zeros_(parameter)
    before = snapshot(game)["generator"]
    game.round(feed, table)
    after = game.generator.state_dict()
    assert any(not after[k].equal(v) for k, v in before.items()) is learns


@pytest.mark.parametrize("system", ["ali", "veegan"])
def test_a_batch_norm_in_the_judge_sees_one_kind_of_pairs_at_a_time(system: str) -> None:
    game, feed, table = made(system, discriminator=BODY | {"batch_norm": True})
    x = feed.next().x
    z = game.prior(len(x), table.noise)
    with torch.no_grad():
        x_g, z_e = game.generator(z), game.draw(x, table.noise)
        on_encoded, on_generated = (
            game.discriminator(*pair) for pair in ((x, z_e), (x_g, game.split(z)))
        )
        if system == "ali":
            found = game.judge(x, z_e, x_g, z)
            assert found[0].equal(on_encoded)
            assert found[1].equal(on_generated)
            far = game.judge(x, z_e, x_g + 5, z)
            assert far[0].equal(on_encoded)
        else:
            expected = F.softplus(-on_generated).mean() + F.softplus(on_encoded).mean()
            torch.testing.assert_close(game.regression(x, z_e, x_g, z), expected)
    rounds(game, feed, table, 2)


@pytest.mark.parametrize(("recon", "value"), [("gauss_nll", 127.0), ("l2", 254.0)])
def test_distances_are_sums_over_coordinates(recon: str, value: float) -> None:
    game, _, _ = made("veegan", recon=recon)
    assert game.recon(torch.zeros(3, 254), torch.ones(3, 254)).item() == value


def test_extra_noise_is_not_reconstructed_but_matters() -> None:
    game, _, _ = made("veegan", eps_dim=2)
    z = game.prior(4, Noise(0))
    assert z.shape == (4, 5)
    assert game.split(z).shape == game.encode(game.sample(z)).shape == (4, 3)
    other = torch.cat([game.split(z), torch.randn(4, 2)], 1)
    assert not game.sample(z).allclose(game.sample(other))
    plain, _, _ = made("veegan", eps_dim=0)
    assert plain.split(z).equal(z)
    assert plain.sample(z).equal(plain.sample(z))


@pytest.mark.parametrize("sigma", [1.0, 0.3])
def test_codes_of_real_samples_have_the_spread_asked_for(sigma: float) -> None:
    game, feed, table = made("veegan", f_sigma=sigma)
    x = feed.next(n=4000).x
    residual = game.draw(x, table.noise) - game.encode(x)
    assert residual.std().item() == pytest.approx(sigma, rel=0.03)


def test_linear_reconstruction_by_hand() -> None:
    """K = 1, G = az, F = bx: E d = (1 − ab)², dE/da = −2b(1 − ab)E z², minimised by b = 1/a."""
    z = torch.randn(10_000, 1, dtype=torch.double)
    a = torch.tensor(0.7, dtype=torch.double, requires_grad=True)
    b = torch.tensor(0.4, dtype=torch.double, requires_grad=True)
    game, _, _ = made("veegan", recon="l2")
    loss = game.recon(z, b * (a * z))
    square = z.square().mean()
    torch.testing.assert_close(loss, (1 - a * b) ** 2 * square)
    loss.backward()
    assert a.grad.item() == pytest.approx((-2 * b * (1 - a * b) * square).item())
    best = game.recon(z, (1 / a) * (a * z))
    assert best.item() == pytest.approx(0, abs=1e-20)


def test_an_undecided_judge_costs_two_log_two_and_labels_swap() -> None:
    game, feed, table = made("ali")
    for parameter in game.discriminator.parameters():
        nn.init.zeros_(parameter)
    game.round(feed, table)
    statistics = table.take_statistics()
    assert statistics["loss/discriminator"] == pytest.approx(2 * math.log(2), abs=1e-5)
    ours, _, _ = made("veegan")
    on = torch.randn(2, 9)
    ours.discriminator.forward = lambda x, z: -torch.cat([on[1], on[0]])
    x = torch.zeros(9, 2)
    flipped = ours.regression(x, torch.zeros(9, 4), x, torch.zeros(9, 5))
    ali = F.softplus(-on[0]).mean() + F.softplus(on[1]).mean()
    torch.testing.assert_close(flipped, ali)


def test_the_data_autoencoder_is_a_sum_over_data() -> None:
    game, feed, table = made("veegan", autoencoder="data")
    x = feed.next().x
    z = game.prior(len(x), table.noise)
    with torch.no_grad():
        expected = (x - game.reconstruct(x)).square().sum(1).mean()
        torch.testing.assert_close(game.distance(x, game.generator(z), z), expected)


def test_the_data_autoencoder_costs_nothing_where_the_two_are_inverse() -> None:
    game, feed, table = made("veegan", autoencoder="data")
    x = feed.next().x
    z = game.prior(len(x), table.noise)
    game.reconstruct = lambda x: x
    assert game.distance(x, game.generator(z), z).item() == 0


def test_distances_are_log_likelihoods_less_a_constant() -> None:
    """(K/2) log 2π is left out: of F's density, and with K/2 more of the prior's entropy."""
    game, _, _ = made("veegan", recon="gauss_nll")
    z, found = torch.randn(6, 254), torch.randn(6, 254, requires_grad=True)
    density = torch.distributions.Normal(found, 1.0)
    whole = -density.log_prob(z).sum(1).mean()
    ours = game.recon(z, found)
    constant = 254 / 2 * math.log(2 * math.pi)
    assert (whole - ours).item() == pytest.approx(constant, rel=1e-5)
    entropy = torch.distributions.Normal(torch.zeros(254), 1.0).entropy().sum().item()
    assert entropy == pytest.approx(360.41, abs=0.01)
    assert entropy == pytest.approx(constant + 254 / 2, rel=1e-5)
    (a,), (b,) = (torch.autograd.grad(loss, found) for loss in (whole, ours))
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize("target", ["latent", "moment"])
def test_pretraining_moves_the_reconstructor_only(target: str) -> None:
    game, feed, table = made("veegan", pretraining=60, pretraining_target=target)
    stage = game.stages()[0]
    assert (stage.name, stage.rounds) == ("pretrain", 60)
    before = snapshot(game)
    losses = []
    for _ in range(60):
        stage.play(feed, table)
        losses.append(table.take_statistics()["loss/encoder"])
    assert sum(losses[-5:]) < sum(losses[:5])
    after = snapshot(game)
    changed = {
        name for name in after if any(not after[name][k].equal(v) for k, v in before[name].items())
    }
    assert changed == {"encoder"}


def test_capabilities_agree_with_one_another() -> None:
    game, feed, table = made("veegan")
    x, z = feed.next().x, game.prior(3, Noise(1))
    assert game.cycle(z).equal(game.encode(game.sample(z)))
    assert game.reconstruct(x).equal(game.sample(game.with_middle(game.encode(x))))
    assert game.score(x).equal(-game.log_ratio(x, game.encode(x)))
    bigan, _, _ = made("ali")
    drawn = bigan.draw(x, table.noise)
    assert drawn.equal(bigan.encode(x))  # deterministic: a BiGAN
    ali, _, _ = made("ali", encoder=BODY | {"spread": True})
    assert not ali.draw(x, table.noise).equal(ali.encode(x))


@pytest.mark.parametrize("system", ["ali", "veegan"])
def test_convolutional_networks_of_any_size(system: str) -> None:
    images = {
        "generator": {"kind": "dcgan", "width": 4, "stages": 2},
        "encoder": {"kind": "dcgan", "width": 4, "stages": 2},
        "discriminator": {"kind": "dcgan", "width": 4, "stages": 2, "z_width": 8, "head_width": 8},
    }
    game, feed, table = play(system, "digits8", **(TINY | images))
    rounds(game, feed, table, 2)
    x = feed.next().x
    assert game.eval().reconstruct(x).shape == x.shape


def test_presets_build_and_the_judge_widens_with_the_latent() -> None:
    spec = play("gan")[0].spec
    for encoder, judge in JOINT_PRESETS.values():
        if encoder.kind == judge.kind == "mlp":
            x = torch.randn(3, *spec.shape)
            code = encoder.build(spec, 6)(x)
            assert code.mean.shape == (3, 6)
            assert judge.build(spec, 6)(x, code.mean).shape == (3,)


def test_noise_that_leaves_nothing_to_encode_is_refused() -> None:
    with pytest.raises(UsageError, match=r"eps_dim=5 leaves nothing of game\.latent\.dim=5"):
        made("veegan", eps_dim=5)
