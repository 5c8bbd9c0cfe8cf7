"""The meter of checkerboards: closed forms, invariances, and untrained generators."""

from __future__ import annotations

import pytest
import torch

from ganvas.errors import UsageError
from ganvas.metrics.checkerboard import Pattern, deviation, patterns
from ganvas.nn import upsampler


def noise(n: int = 64, side: int = 40, channels: int = 1) -> torch.Tensor:
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(0))


def board(side: int = 40) -> torch.Tensor:
    rows = torch.arange(side)
    return ((rows[:, None] + rows) % 2 * 2 - 1).float()


@pytest.mark.parametrize("period", [2, 4])
def test_white_noise_has_its_floor(period):
    found = patterns(noise(256))[period]
    assert found.variance == pytest.approx((period**2 - 1) / 32**2, rel=0.15)
    assert found.energy == pytest.approx(1, abs=0.05)
    assert found.peak == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize("amplitude", [0.3, 1.0, 3.0])
def test_a_checkerboard_has_its_share_of_the_variance(amplitude):
    found = patterns(noise() + amplitude * board())[2]
    share = amplitude**2 / (amplitude**2 + 1)
    assert found.variance == pytest.approx(share, abs=0.01)
    # its power is A²·HW in one bin, that of the noise 1 in each
    assert found.peak == pytest.approx(1 + amplitude**2 * 32**2, rel=0.1)
    assert found.clearer_than(None)
    assert not patterns(noise())[2].clearer_than(None)


def test_mean_contrast_and_place_do_not_matter():
    x = (noise(8, channels=3) + 0.5 * board()).double()
    before = patterns(x, border=0)
    for other in (x + 7, 3 * x, x.roll((1, 3), (2, 3))):
        after = patterns(other, border=0)
        for period, one in before.items():
            assert after[period].variance == pytest.approx(one.variance, rel=1e-9)
            assert after[period].energy == pytest.approx(one.energy, rel=1e-9)
            assert after[period].peak == pytest.approx(one.peak, rel=1e-6)


def test_uneven_energy_is_told_apart_from_a_mean_pattern():
    gain = torch.where(board() > 0, 2.0, 1.0)
    found = patterns(noise(256) * gain)[2]
    assert found.energy == pytest.approx(4, rel=0.1)
    assert found.variance < 0.01


def test_alpha_is_not_looked_at_and_borders_are_cut():
    x = noise(4, channels=4)
    assert patterns(x) == patterns(x[:, :3])
    framed = x.clone()
    framed[:, :, :4] = 100.0
    assert patterns(framed) == patterns(x)


def test_flat_and_small_images():
    assert patterns(torch.full((2, 3, 32, 32), 0.3))[2].variance == 0
    assert patterns(torch.zeros(2, 1, 32, 32))[2] == Pattern(0.0, 1.0, 0.0)
    assert set(patterns(noise(2, 6))) == {2}
    with pytest.raises(UsageError, match="images"):
        patterns(torch.zeros(3, 32, 32))


def test_what_a_layer_makes_of_a_constant():
    x = torch.ones(1, 4, 12, 12)
    torch.manual_seed(0)
    assert deviation(upsampler("nn_resize", 4, 3, 3)(x)[0].detach(), 2) < 1e-6
    assert deviation(upsampler("deconv", 4, 3, 3)(x)[0].detach(), 2) > 0.1
    assert deviation(upsampler("deconv_even", 4, 3, 3)(x)[0].detach(), 2) > 0.1
    # phases of one sign: mean 0, all of it deviation
    assert deviation(board(24)[None], 2) == pytest.approx(1)
