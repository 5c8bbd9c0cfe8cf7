"""Equalised rates, pixel norm, noise on overshoot, and where a growing network stands."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganvas.nn import (
    Growth,
    OvershootNoise,
    PixelNorm,
    blend,
    equalised,
    singular_values,
    sn,
    weight_norm,
)


def test_weights_in_use_have_the_deviation_of_he_and_parameters_that_of_one() -> None:
    """Scaled twice it would be 2/fan_in, not √(2/fan_in)."""
    torch.manual_seed(0)
    for layer, fan_in in (
        (nn.Conv2d(32, 64, 3), 32 * 9),
        (nn.Linear(500, 40), 500),
        (nn.ConvTranspose2d(64, 32, 4), 64 * 16),
    ):
        equalised(equalised(layer))
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.03)
        (stored,) = layer.parametrizations.weight.parameters()
        assert stored.std().item() == pytest.approx(1.0, rel=0.03)
        assert not layer.bias.any()


def test_a_step_of_adam_changes_wide_and_narrow_layers_by_the_same_share() -> None:
    torch.manual_seed(0)
    shares = []
    for width in (8, 512):
        layer = equalised(nn.Linear(width, 64))
        before = layer.weight.detach().clone()
        layer(torch.randn(16, width)).square().sum().backward()
        stored = layer.parametrizations.weight.original
        with torch.no_grad():
            stored -= 1e-3 * stored.grad.sign()  # Adam's first step
        shares.append(float((layer.weight.detach() - before).norm() / before.norm()))
    assert shares[0] == pytest.approx(1e-3, rel=0.1)
    assert shares[1] == pytest.approx(shares[0], rel=0.1)


def test_gain_one_before_what_is_not_rectified() -> None:
    layer = equalised(nn.Linear(400, 300), gain=1.0)
    assert layer.weight.std().item() == pytest.approx(1 / 20, rel=0.03)


def test_spectral_norms_hold_for_the_weights_in_use() -> None:
    net = nn.Sequential(equalised(nn.Linear(20, 10)), nn.Linear(10, 10))
    sn(net)
    for _ in range(50):
        net(torch.randn(2, 20))
    assert list(singular_values(net).values()) == pytest.approx([1.0, 1.0], abs=1e-3)
    kept = net[0].weight.detach().clone()
    assert torch.equal(weight_norm(sn(net))[0].eval().weight, net[0].weight)
    assert torch.allclose(net[0].weight, kept, atol=1e-3)


@pytest.mark.parametrize("shape", [(5, 12), (3, 16, 4, 6)])
def test_pixels_have_mean_square_one(shape: tuple[int, ...]) -> None:
    x = 7 * torch.randn(shape)
    normed = PixelNorm()(x)
    assert normed.square().mean(1).allclose(torch.ones(()))
    assert torch.allclose(normed, x / x.square().mean(1, keepdim=True).add(1e-8).sqrt())


def test_noise_sets_in_when_fakes_are_taken_for_real() -> None:
    noise, x = OvershootNoise(), torch.ones(500, 4, 2, 2)
    assert torch.equal(noise(x), x)  # d̂ = 0
    for _ in range(3):
        noise.follow(torch.tensor(9.0))  # clipped to 1
    assert noise.score.item() == pytest.approx(1 - 0.9**3)
    assert torch.equal(noise(x), x)  # 0.271 is below one half
    for _ in range(200):
        noise.follow(torch.tensor(1.0))
    assert noise.strength.item() == pytest.approx(0.2 * 0.25)
    noisy = noise(x)
    assert torch.equal(noisy[..., :1, :1].expand_as(noisy), noisy)  # one number for each map
    assert noisy[..., 0, 0].std().item() == pytest.approx(0.05 * 2, rel=0.1)  # √C = 2
    assert torch.equal(noise.eval()(x), x)


def test_ends_of_a_blend_are_exact() -> None:
    a, b = torch.randn(2, 1000)
    assert torch.equal(blend(a, b, 0.0), a)
    assert torch.equal(blend(a, b, 1.0), b)
    assert blend(a, b, 0.25).allclose(0.75 * a + 0.25 * b, atol=1e-6)


def test_where_a_network_stands_is_in_its_state_and_stays_on_the_host() -> None:
    growth, other = Growth(), Growth()
    growth.set(3, 0.25)
    other.load_state_dict(growth.state_dict())
    assert other.now == (3, 0.25)
    assert growth.to("meta").now == (3, 0.25)
    assert growth.double().alpha.dtype == torch.float32
