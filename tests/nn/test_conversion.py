"""Weights of one up-sampler from those of another."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganvas.errors import UsageError
from ganvas.nn import equalised, singular_values, sn, upsampler
from ganvas.nn.conversion import convert

INSIDE = (..., slice(4, -4), slice(4, -4))


def pair(old: str, new: str, k: int, to: int, **changes):
    torch.manual_seed(0)
    return upsampler(old, 2, 3, k, **changes), upsampler(new, 2, 3, to, **changes)


@pytest.mark.parametrize(
    ("old", "new", "k", "to"),
    [
        ("nn_resize", "deconv", 3, 4),
        ("deconv", "deconv", 3, 5),
        ("nn_resize", "nn_resize", 3, 5),
        ("deconv_even", "deconv_even", 4, 6),
    ],
)
def test_what_can_be_the_same_is(old, new, k, to):
    one, other = pair(old, new, k, to)
    x = torch.randn(2, 2, 7, 8)
    assert convert(one, other) == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(other(x)[INSIDE], one(x)[INSIDE], atol=1e-5, rtol=0)


def test_scaled_weights_are_converted_as_layers_use_them():
    one, other = pair("nn_resize", "deconv", 3, 4)
    equalised(one), equalised(other)
    x = torch.randn(2, 2, 7, 8)
    assert convert(one, other) == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(other(x)[INSIDE], one(x)[INSIDE], atol=1e-5, rtol=0)


def test_normalised_weights_are_converted_up_to_a_factor():
    one, other = pair("nn_resize", "deconv", 3, 4, bias=False)
    sn(one), sn(other)
    x = torch.randn(2, 2, 7, 8)
    missing = convert(one.eval(), other.eval())
    (factor,) = singular_values(other).values()
    assert factor == pytest.approx(1, abs=1e-4)
    was, now = one(x)[INSIDE], other(x)[INSIDE]
    scale = (now / was).median().item()
    torch.testing.assert_close(now, scale * was, atol=1e-5, rtol=0)
    assert missing == pytest.approx((1 - scale) ** 2, rel=1e-3)


@pytest.mark.parametrize("k", [3, 4, 5])
@pytest.mark.parametrize("new", ["nn_resize", "bilinear_resize"])
@pytest.mark.parametrize("scale", [2, 3])
def test_a_resize_is_as_near_as_it_comes(k, new, scale):
    """No small change of its weights makes what it does to white noise any nearer."""
    one, other = pair("deconv", new, k, k, scale=scale)
    missing = convert(one, other)
    assert 0 < missing < 1
    x = torch.zeros(2, 2, 9, 9)
    x[0, 0, 4, 4] = x[1, 1, 4, 4] = 1  # each channel's response to one pixel
    nn.init.zeros_(one.bias), nn.init.zeros_(other.bias)
    off = (one(x) - other(x)).square().sum()
    assert off.item() / one(x).square().sum().item() == pytest.approx(missing, rel=1e-4)
    (slope,) = torch.autograd.grad(off, other.weight)
    assert slope.abs().max() < 1e-4


def test_a_resize_keeps_what_a_layer_makes_of_a_constant():
    """The mean over phases of a deconvolution of a constant is what the resize makes of it."""
    one, other = pair("deconv_even", "nn_resize", 4, 4)
    convert(one, other)
    x = torch.ones(1, 2, 8, 8)
    torch.testing.assert_close(
        other(x)[INSIDE][..., 0, 0], one(x)[INSIDE].mean((2, 3)), rtol=0.3, atol=0.1
    )


def test_what_is_not_known_is_refused():
    one, other = pair("deconv", "subpixel", 4, 4)
    with pytest.raises(UsageError, match="nn_resize or bilinear_resize"):
        convert(one, other)
    with pytest.raises(UsageError, match="Linear is no up-sampler"):
        convert(nn.Linear(2, 2), one)
