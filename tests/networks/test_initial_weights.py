"""How the layers of presets start, where the papers' codes say it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganvas.data.spec import spec_of
from ganvas.games import find_game
from ganvas.networks import JOINT_PRESETS, PRESETS
from tests.networks.specs import points


def is_glorot(network: nn.Module) -> bool:
    """Whether all linear layers are uniform on ±√(6/(in + out)), and fill it, with biases 0."""
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert layers
    for layer in layers:
        bound = math.sqrt(6 / (layer.in_features + layer.out_features))
        widest = layer.weight.abs().max().item()
        if layer.bias.abs().max() > 0 or not 0.9 * bound < widest <= bound:
            return False
    return True


@pytest.mark.parametrize(("name", "as_in_tensorflow"), [("toyV", True), ("toyV_torch", False)])
def test_networks_of_veegans_notebook_start_as_tensorflows_do(
    name: str, as_in_tensorflow: bool
) -> None:
    spec = points(2)
    generator, discriminator = PRESETS[name]
    assert is_glorot(generator.build(spec, 255)) is as_in_tensorflow
    assert is_glorot(discriminator.build(spec)) is as_in_tensorflow
    encoder, judge = JOINT_PRESETS[name]
    assert is_glorot(encoder.build(spec, 254))
    assert is_glorot(judge.build(spec, 254))


@pytest.mark.parametrize(
    ("system", "players"),
    [
        ("veegan", ("generator", "encoder", "discriminator")),
        ("ali", ("generator", "encoder", "discriminator")),
        ("diwgan", ("generator", "discriminator", "encoder", "decoder")),
    ],
)
def test_defaults_that_are_the_sheets_start_so(system: str, players: tuple[str, ...]) -> None:
    kind = find_game(system)
    game = kind(kind.Config(), spec_of("ring", points(2)))
    assert all(is_glorot(game.get_submodule(player)) for player in players)


def test_first_samples_are_as_wide_as_the_rule_says() -> None:
    """E w² = 2/(in + out), and a rectifier halves the second moment of what is symmetric."""
    expected = (255 * 2 / 383) * (128 * 2 / 256 / 2) * (128 * 2 / 130 / 2)
    z = torch.randn(500, 255, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = [PRESETS["toyV"][0].build(points(2), 255) for _ in range(40)]
    found = torch.stack([net(z).detach().square().mean() for net in networks]).mean()
    assert found.item() == pytest.approx(expected, rel=0.15)
