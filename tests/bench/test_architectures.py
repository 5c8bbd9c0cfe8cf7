"""Random architectures: how many there are, and what they are made of."""

from __future__ import annotations

import pytest
from torch import nn

from ganvas.bench.architectures import METHODS, Side, draw, sides
from ganvas.data.domains.images import Images
from ganvas.data.spec import spec_of
from ganvas.games import find_game
from ganvas.nn import BatchNorm, LayerNorm
from ganvas.play import build

PHOTOS = spec_of(name="photos", domain=Images(channels=3, height=32, width=32))
WEIGHED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def test_there_are_9216() -> None:
    assert len(set(sides())) ** 2 == 9216


def test_draws_differ_and_begin_alike() -> None:
    drawn = draw(50, seed=3)
    assert len(set(drawn)) == 50
    assert drawn[:10] == draw(10, seed=3)
    assert drawn[:10] != draw(10, seed=4)
    assert len(draw(10**9, depths=(4,), widths=(8,))) == (4 * 2) ** 2


@pytest.mark.parametrize("depth", [4, 8, 12, 20])
@pytest.mark.parametrize("method", METHODS)
def test_a_network_has_the_layers_and_norms_it_was_drawn_with(method: str, depth: int) -> None:
    (one,) = draw(1, seed=depth, depths=(depth,), widths=(2,))
    kind = find_game(method)
    config = kind.Config.model_validate(
        {k: v for k, v in one.game(method).items() if k != "system"}
    )
    game = build(kind, config, PHOTOS, 0)
    norms = {"gan": BatchNorm, "wgan-gp": LayerNorm}
    for network, side, norm in (
        (game.get_submodule("generator"), one.generator, BatchNorm),
        (game.get_submodule("discriminator"), one.discriminator, norms[method]),
    ):
        layers = list(network.modules())
        assert sum(isinstance(layer, WEIGHED) for layer in layers) == depth
        assert any(isinstance(layer, norm) for layer in layers) == side.normalised
    decay = getattr(game.players["discriminator"].settings, "weight_decay", 0)
    assert decay == (1e-3 if one.discriminator.normalised else 0)


def test_each_resolution_gets_as_many_further_layers() -> None:
    told = Side("tanh", 20, True, 32).settings("layer")
    assert (told["extra"], told["full_resolution"], told["full_extra"]) == (4, True, 3)
