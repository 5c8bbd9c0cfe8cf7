"""Small layers, labels, initialisers and resampling."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.nn import (
    BatchNorm,
    BilinearDown,
    BilinearUp,
    Blur,
    FourierFeatures,
    Gate,
    MaxOut,
    RowTable,
    SmoothStep,
    activation,
    downsample_average,
    fan,
    initialise,
    lookup,
    one_hot,
    upsample_nearest,
)
from ganvas.nn.init import fans


def test_maxout_is_the_largest_piece_of_each_unit_and_sends_gradient_to_one():
    layer = MaxOut(2, 2, pieces=3)
    x = torch.randn(4, 2)
    flat = layer.linear(x)
    explicit = torch.stack([flat[:, :3].amax(1), flat[:, 3:].amax(1)], dim=1)
    assert torch.equal(layer(x), explicit)

    nn.init.zeros_(layer.linear.weight)  # every piece ties
    nn.init.zeros_(layer.linear.bias)
    layer(x[:1]).sum().backward()
    assert layer.linear.bias.grad.tolist().count(1.0) == 2
    assert layer.linear.bias.grad.sum() == 2
    assert MaxOut(2, 2, bias=False).linear.bias is None


def test_gate_takes_even_channels_as_gates():
    x = torch.randn(2, 6, 3, 3)
    assert torch.equal(Gate()(x), torch.sigmoid(x[:, 0::2]) * torch.tanh(x[:, 1::2]))
    assert fan("gated") == 2
    assert fan("relu") == 1


def test_smooth_step_has_the_values_of_its_specification():
    x = torch.tensor(0.0, dtype=torch.double, requires_grad=True)
    y = SmoothStep()(x)
    assert y.item() == pytest.approx(0.063464, abs=1e-6)
    assert torch.autograd.grad(y, x)[0].item() == pytest.approx(0.880797, abs=1e-6)
    assert SmoothStep()(torch.tensor(-30.0)).item() == pytest.approx(-1)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "sigmoid", "softplus", "none"])
def test_activations_leave_their_input_alone_and_are_twice_differentiable(name):
    act = activation(name, slope=0.1)
    x = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    before = x.detach().clone()
    act(x)
    assert torch.equal(x.detach(), before)
    assert torch.autograd.gradgradcheck(act, x)
    if name == "leaky_relu":
        assert torch.equal(act(x), torch.where(x > 0, x, 0.1 * x))


def test_fourier_features_are_sines_and_cosines_of_seeded_frequencies():
    layer = FourierFeatures(2, 5, scale=8.0, seed=3)
    x = torch.randn(4, 2)
    angles = x @ layer.frequencies.T
    assert torch.equal(layer(x), torch.cat([x, angles.sin(), angles.cos()], dim=1))
    assert layer.outputs == 12
    replacing = FourierFeatures(2, 5, scale=8.0, seed=3, append=False)
    assert torch.equal(replacing(x), layer(x)[:, 2:])
    assert "frequencies" in layer.state_dict()
    assert not list(layer.parameters())

    state = torch.get_rng_state()
    again, other = FourierFeatures(2, 5, 8.0, seed=3), FourierFeatures(2, 5, 8.0, seed=4)
    assert torch.equal(torch.get_rng_state(), state)  # a generator of its own
    assert torch.equal(again.frequencies, layer.frequencies)
    assert not torch.equal(other.frequencies, layer.frequencies)
    many = FourierFeatures(2, 4000, scale=8.0).frequencies
    assert many.std().item() == pytest.approx(8, rel=0.05)


def test_row_table_gradients_name_only_the_rows_of_the_batch():
    table = RowTable(100, 4, std=0.5)
    assert table.weight.std().item() == pytest.approx(0.5, rel=0.2)
    table(torch.tensor([3, 7, 3])).sum().backward()
    gradient = table.weight.grad
    assert gradient.is_sparse
    assert sorted(set(gradient.coalesce().indices()[0].tolist())) == [3, 7]


def test_labels_and_weights_on_one_class_are_the_same():
    table, y = torch.randn(4, 3), torch.tensor([2, 0])
    assert torch.equal(lookup(table, y), table[y])
    torch.testing.assert_close(lookup(table, one_hot(y, 4)), table[y])
    assert torch.equal(one_hot(y, 4), F.one_hot(y, 4).float())
    weights = torch.rand(2, 4)
    assert torch.equal(one_hot(weights, 4), weights)
    assert torch.equal(one_hot(y, 4, torch.double), F.one_hot(y, 4).double())


def test_nearest_and_average_undo_one_another():
    x = torch.randn(2, 3, 4, 6)
    assert torch.equal(upsample_nearest(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(downsample_average(upsample_nearest(x)), x)


def test_bilinear_doubling_is_interpolation_between_aligned_pixel_centres():
    x = torch.randn(2, 3, 5, 7)
    up = BilinearUp()(x)
    reference = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert up.shape == (2, 3, 10, 14)
    torch.testing.assert_close(up[:, :, 1:-1, 1:-1], reference[:, :, 1:-1, 1:-1])
    # by definition: nearest doubling, then [1, 2, 1]/4 both ways
    taps = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = torch.outer(taps, taps).expand(3, 1, 3, 3)
    smooth = F.conv2d(upsample_nearest(x), kernel, padding=1, groups=3)
    torch.testing.assert_close(up[:, :, 1:-1, 1:-1], smooth[:, :, 1:-1, 1:-1])


def test_bilinear_halving_is_a_quarter_of_the_adjoint_of_doubling():
    x, y = torch.randn(1, 2, 4, 6), torch.randn(1, 2, 8, 12)
    down = BilinearDown()(y)
    assert down.shape == x.shape
    torch.testing.assert_close((BilinearUp()(x) * y).sum(), 4 * (x * down).sum())
    flat = BilinearDown()(torch.ones(1, 1, 8, 8))
    torch.testing.assert_close(flat[:, :, 1:-1, 1:-1], torch.ones(1, 1, 2, 2))
    assert not BilinearDown().state_dict()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layer", [BilinearUp(), BilinearDown(), partial(Blur(), pad=1, stride=2)])
def test_filters_with_a_stride_are_not_rounded_on_cpus(
    layer: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    """What comes in may be rounded, and what goes out is of its type; sums between are not."""
    x = torch.randn(2, 3, 8, 8).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype == dtype
    assert y.equal(layer(x.float()).to(dtype))


@pytest.mark.parametrize("layer", [BilinearUp(), BilinearDown(), MaxOut(4, 2, 3), SmoothStep()])
def test_layers_are_twice_differentiable(layer):
    layer = layer.double()
    shape = (2, 4) if isinstance(layer, MaxOut) else (1, 2, 4, 4)
    x = torch.randn(shape, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: layer(t).pow(3), x)


def test_fans_follow_strides():
    assert fans(nn.Linear(3, 7)) == (3, 7)
    assert fans(nn.Conv2d(4, 8, 5, stride=2)) == (100, 50)
    assert fans(nn.ConvTranspose2d(4, 8, 5, stride=2)) == (25, 200)
    assert fans(nn.Conv2d(4, 8, 3, groups=4)) == (9, 18)


@pytest.mark.parametrize(
    ("how", "scale", "conv", "linear"),
    [
        ("normal", 0.05, 0.05, 0.05),
        ("uniform", None, 0.02, 0.02),
        ("he", None, math.sqrt(2 / 576), math.sqrt(2 / 300)),
        ("glorot", 2.0, 2 * math.sqrt(2 / 1728), 2 * math.sqrt(2 / 600)),
        ("wgan_gp", None, math.sqrt(4 / 1728), math.sqrt(2 / 600)),
    ],
)
def test_rules_give_their_standard_deviations(how, scale, conv, linear):
    net = nn.Sequential(nn.Conv2d(64, 128, 3), nn.Linear(300, 300))
    initialise(net, how, scale)
    assert net[0].weight.std().item() == pytest.approx(conv, rel=0.03)
    assert net[1].weight.std().item() == pytest.approx(linear, rel=0.03)
    assert not net[0].bias.any()
    if how not in ("normal",):
        assert net[1].weight.abs().max().item() <= linear * math.sqrt(3)


def test_orthogonal_rule_scales_an_isometry():
    layer = nn.Linear(8, 5)
    initialise(layer, "orthogonal", 1.4)
    torch.testing.assert_close(layer.weight @ layer.weight.T, 1.96 * torch.eye(5))


def test_dcgan_rule_varies_gains_and_default_changes_nothing():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), BatchNorm(4000))
    before = net[0].weight.clone()
    initialise(net, "default")
    assert torch.equal(net[0].weight, before)
    initialise(net, "dcgan")
    gains = net[1].weight
    assert gains.mean().item() == pytest.approx(1, abs=2e-3)
    assert gains.std().item() == pytest.approx(0.02, rel=0.1)
    assert not net[1].bias.any()
    initialise(net, "normal")
    assert torch.equal(net[1].weight, gains)
