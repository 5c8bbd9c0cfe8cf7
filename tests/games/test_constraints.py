"""Constraints hold after they were installed and enforced."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from ganvas.games.constraints import Clip, Spectral, Sphere, clip_, share_at_bound
from ganvas.nn import BatchNorm, LayerNorm, singular_values
from tests.games.tables import play, rounds


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


@pytest.mark.parametrize("kind", ["clip", "sphere"])
def test_constraints_bind_the_discriminator_alone(kind):
    game, feed, table = play("gan", constraint={"kind": kind})
    generator = [p.detach().clone() for p in game.generator.parameters()]
    game.discriminator_step(game.real(feed), table)
    assert all(map(torch.equal, generator, game.generator.parameters()))
