"""Constraints hold after they were installed and enforced."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from ganvas.errors import UsageError
from ganvas.games.parts.constraints.clip import Clip, clip_, share_at_bound
from ganvas.games.parts.constraints.orthonormal import Orthonormal
from ganvas.games.parts.constraints.spectral import Spectral
from ganvas.games.parts.constraints.sphere import Sphere
from ganvas.games.parts.constraints.weight import Weight
from ganvas.nn import (
    BatchNorm,
    LayerNorm,
    equalised,
    orthonormality,
    singular_values,
    weight_norm,
)
from tests.games.tables import TINY, judge_learns, play, rounds


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, 8), BatchNorm(8), nn.ReLU(), nn.Linear(8, 8), LayerNorm(8), nn.Linear(8, 1)
    )


def test_clipping_reaches_every_parameter():
    critic = network()
    assert max(p.abs().max() for p in critic.parameters()) == 1  # gains of the norms
    Clip(bound=0.01).install(critic)
    assert all(p.abs().max() <= 0.01 for p in critic.parameters())
    assert critic[1].weight.unique().tolist() == pytest.approx([0.01])


def test_share_of_weights_at_the_bound():
    layer = nn.Linear(3, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, -0.2, 0.1]]))
        layer.bias.fill_(-0.9)
    clip_(layer, 0.2)
    assert share_at_bound(layer, 0.2).item() == 0.75
    assert Clip(bound=0.2).statistics(layer)["share_clipped"].item() == 0.75


def test_sphere_keeps_directions():
    critic = network()
    before = nn.utils.parameters_to_vector(critic.parameters()).detach().clone()
    Sphere(radius=3).enforce(critic)
    after = nn.utils.parameters_to_vector(critic.parameters())
    assert after.norm().item() == pytest.approx(3, rel=1e-6)
    assert torch.cosine_similarity(before, after, dim=0).item() == pytest.approx(1)


def test_spectral_constraint_on_any_discriminator():
    game, feed, table = play("gan", constraint={"kind": "spectral", "factor": 2.0})
    assert isinstance(game.constraint, Spectral)
    rounds(game, feed, table, 20)
    for value in singular_values(game.discriminator).values():
        assert 2 - 1e-6 <= value <= 2.2


def test_clipped_mlp_is_lipschitz():
    # |f(x) − f(y)| ≤ Π‖W_i‖₂ ‖x − y‖ ≤ Π c√(n_{i−1}n_i) ‖x − y‖  (1-Lipschitz activations)
    torch.manual_seed(0)
    bound, widths = 0.1, [2, 32, 32, 1]
    layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    critic = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.LeakyReLU(0.2), layers[2])
    clip_(critic, bound)
    x, y = torch.randn(2, 1000, 2)
    slopes = (critic(x) - critic(y)).abs().squeeze(1) / (x - y).norm(dim=1)
    spectral = math.prod(torch.linalg.matrix_norm(m.weight, 2).item() for m in layers)
    crude = math.prod(bound * math.sqrt(m.weight.numel()) for m in layers)
    assert slopes.max() <= spectral * (1 + 1e-5)
    assert spectral <= crude


@pytest.mark.parametrize("kind", ["clip", "sphere", "weight", "orthonormal"])
def test_constraints_bind_the_discriminator_alone(kind):
    game, feed, table = play("gan", constraint={"kind": kind})
    generator = [p.detach().clone() for p in game.generator.parameters()]
    judge_learns(game, feed.next(), table)
    assert all(map(torch.equal, generator, game.generator.parameters()))


# ---- weight normalisation -----------------------------------------------------------------------


def test_weight_normalisation_starts_as_the_same_network():
    torch.manual_seed(0)
    critic, x = network().eval(), torch.randn(5, 4)
    before = critic(x)
    Weight().install(critic)
    torch.testing.assert_close(critic(x), before)
    assert len(list(critic[0].parameters())) == 3  # bias, lengths, directions


def test_weight_normalisation_does_not_go_with_an_equalised_rate():
    with pytest.raises(UsageError, match=r"kind=weight .*game\.discriminator\.equalised=false"):
        Weight().install(equalised(network()))


@pytest.mark.parametrize(
    "layer", [nn.Linear(4, 3), nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(2, 3, 3)], ids=str
)
def test_the_length_of_a_direction_does_not_matter_and_its_gradient_is_orthogonal(layer):
    weight_norm(layer)
    length, direction = layer.parametrizations.weight.parameters()
    assert length.numel() == 3
    weight = layer.weight
    weight.pow(3).sum().backward()
    shared = [axis for axis in range(direction.dim()) if length.shape[axis] == 1]
    torch.testing.assert_close((direction.grad * direction).sum(shared), torch.zeros(3))
    with torch.no_grad():
        direction *= 7
    torch.testing.assert_close(layer.weight, weight)
    lengths = layer.weight.square().sum(shared).sqrt()
    torch.testing.assert_close(lengths, length.flatten().abs())


# ---- orthonormal regularisation -----------------------------------------------------------------


def test_orthonormal_regularisation_joins_the_discriminators_loss_alone():
    game, _, table = play("gan", constraint={"kind": "orthonormal", "weight": 0.3})
    expected = 0.3 * orthonormality(game.discriminator)
    with table("discriminator") as discriminator:
        table._add_terms(discriminator)
        for parameter in game.discriminator.parameters():
            (slope,) = torch.autograd.grad(
                0.3 * orthonormality(game.discriminator), parameter, allow_unused=True
            )
            assert (slope is None and parameter.grad is None) or slope.equal(parameter.grad)
    torch.testing.assert_close(table.statistics["constraint/discriminator"][0], expected.detach())


def test_its_weight_counts_once_however_a_batch_is_cut():
    losses = []
    for parts in (1, 4):
        game, feed, table = play("gan", constraint={"kind": "orthonormal"}, accumulate=parts)
        judge_learns(game, feed.next(), table)
        losses.append(torch.cat([p.detach().flatten() for p in game.discriminator.parameters()]))
    torch.testing.assert_close(*losses, atol=1e-5, rtol=1e-4)


def test_orthonormal_regularisation_brings_singular_values_to_one():
    game, feed, table = play(
        "gan",
        constraint={"kind": "orthonormal", "weight": 1.0},
        discriminator_optimiser={"kind": "adam", "lr": 0.01},
    )
    rounds(game, feed, table, 200)
    values = singular_values(game.discriminator).values()
    assert all(0.9 < value < 1.1 for value in values)
    free, feed, table = play("gan", discriminator_optimiser={"kind": "adam", "lr": 0.01})
    rounds(free, feed, table, 200)
    assert max(singular_values(free.discriminator).values()) > 1.3


@pytest.mark.parametrize("kind", ["weight", "orthonormal"])
def test_a_second_rule_on_spectrally_normalised_layers_is_refused(kind):
    with pytest.raises(UsageError, match=r"game\.discriminator\.spectral=false"):
        play("gan", discriminator=TINY | {"spectral": True}, constraint={"kind": kind})


def test_orthonormal_regularisation_has_a_schedule():
    assert Orthonormal(weight={"start": 1, "end": 0}).cost(network(), 1.0).item() == 0
