"""Droplets, spectra and Jacobians of generators, on maps whose answer is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas.games import find_game
from ganvas.latent.spaces import spaces_of
from ganvas.metrics.activations import (
    activations,
    droplets,
    high_share,
    layers,
    singular_values,
    spectrum,
)
from ganvas.nn import round_inside
from ganvas.play import Game, build
from tests.games.cases import DCGAN, STYLED, digits8


def game(system: str, **settings: Any) -> Game:
    kind = find_game(system)
    latent = {"kind": "normal", "dim": 4}
    config = kind.Config.model_validate({"latent": latent, "discriminator": STYLED} | settings)
    return build(kind, config, digits8().spec, 0).eval()


def waves(frequency: float, side: int = 32) -> Tensor:
    x = torch.arange(side) * 2 * math.pi * frequency
    return x.cos().expand(2, 3, side, side)


def test_a_droplet_is_a_peak_above_all_else() -> None:
    x = torch.randn(4, 8, 16, 16)
    without = droplets(x)
    assert 4 < without < 9  # the largest of 2,048 over the median of |N(0, 1)|
    x[:, 2, 3, 3] = 100.0
    assert droplets(x) > 2.5 * without
    assert droplets(5 * x + 3) == pytest.approx(droplets(x), rel=1e-6)
    assert math.isfinite(droplets(torch.ones(2, 3, 8, 8)))


def test_waves_are_where_their_frequency_is() -> None:
    slow, fast = waves(2 / 32), waves(12 / 32)
    assert high_share(slow) == pytest.approx(0, abs=1e-9)
    assert high_share(fast) == pytest.approx(1)
    assert high_share(slow + fast) == pytest.approx(0.5, abs=1e-6)
    assert int(spectrum(slow).argmax()) == int(2 / 32 * 2 * 16)
    assert int(spectrum(fast).argmax()) == int(12 / 32 * 2 * 16)
    assert spectrum(torch.randn(2, 3, 16, 16)).sum() == pytest.approx(1)
    flat = high_share(torch.randn(64, 8, 32, 32))
    assert flat == pytest.approx(1 - math.pi / 16, abs=0.02)  # a disc of a quarter, of the square


def test_a_linear_map_has_its_own_singular_values() -> None:
    matrix = torch.randn(12, 5)
    found = singular_values(lambda c: c @ matrix.T, torch.randn(2, 5))
    wanted = torch.linalg.svdvals(matrix.double()).expand(2, -1)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("system", ["stylegan2", "dcgan"])
def test_any_generator_is_looked_into(system: str) -> None:
    generator = STYLED | {"width": 4, "depth": 1} if system == "stylegan2" else DCGAN
    model = game(system, generator=generator)
    codes = spaces_of(model)["w" if system == "stylegan2" else "z"]
    drawn = torch.randn(3, 4)
    found = layers(activations(model, lambda: codes.synthesise(drawn)))
    assert {one.size for one in found.values()} >= {(8, 8)} if system == "stylegan2" else found
    assert all(one.droplets > 1 for one in found.values())
    values = singular_values(codes.synthesise, drawn)
    assert values.shape == (3, 4)
    step = 1e-3 * torch.eye(4)
    slopes = [(codes.synthesise(drawn[:1] + d) - codes.synthesise(drawn[:1] - d)) for d in step]
    jacobian = torch.stack([s.flatten() for s in slopes], 1) / 2e-3
    torch.testing.assert_close(
        values[0], torch.linalg.svdvals(jacobian.double()), rtol=2e-2, atol=1e-3
    )
    round_inside(model.generator)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    torch.testing.assert_close(singular_values(codes.synthesise, drawn), values)
