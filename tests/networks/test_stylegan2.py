"""StyleGAN2's networks: counts, modulation, filters, noise, truncation, and any size of images."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.networks.base import Head
from ganvas.networks.conditions import NONE, Conditions
from ganvas.networks.styled import AdaptiveConv, StyledConv, ToImage
from ganvas.networks.stylegan2 import (
    PRESETS,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    StyleGAN2GeneratorNet,
)
from ganvas.networks.stylegan2_discriminator import StyleGAN2DiscriminatorNet
from ganvas.nn import (
    BilinearDown,
    BilinearUp,
    Blur,
    BlurredConv,
    MapNoise,
    MinibatchDeviation,
    ModulatedConv,
    noisy,
    round_inside,
    sn,
)
from ganvas.nn.modulated import PlainConv
from tests.networks.specs import images, labels

TINY: dict[str, Any] = {"maps": 64, "max_maps": 8}
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def generator(
    shape: tuple[int, int, int] = (3, 16, 16), conditions: Conditions = NONE, **settings: Any
) -> StyleGAN2GeneratorNet:
    torch.manual_seed(0)
    config = StyleGAN2Generator(**TINY | {"width": 8, "depth": 2} | settings)
    return StyleGAN2GeneratorNet(config, shape, 8, conditions).eval()


def discriminator(
    shape: tuple[int, int, int] = (3, 16, 16), conditions: Conditions = NONE, **settings: Any
) -> StyleGAN2DiscriminatorNet:
    torch.manual_seed(0)
    config = StyleGAN2Discriminator(**TINY | settings)
    return StyleGAN2DiscriminatorNet(config, shape, conditions)


# ---- counts -------------------------------------------------------------------------------------


def at(side: int, role: int, **settings: Any) -> int:
    with torch.device("meta"):
        shape = (3, side, side)
        if role:
            return count(StyleGAN2DiscriminatorNet(StyleGAN2Discriminator(**settings), shape, NONE))
        return count(StyleGAN2GeneratorNet(StyleGAN2Generator(**settings), shape, 512, NONE))


@pytest.mark.parametrize(
    ("side", "maps", "made", "judged"),
    [
        (1024, 32768, 30_370_060, 29_012_513),
        (512, 32768, 30_276_583, 28_982_849),
        (256, 32768, 30_034_338, 28_864_129),
        (1024, 16384, 24_900_764, 24_038_161),
        (512, 16384, 24_860_935, 24_030_753),
        (256, 16384, 24_767_458, 24_001_089),
    ],
)
def test_counts_of_configurations_e_and_f(side: int, maps: int, made: int, judged: int) -> None:
    assert (at(side, 0, maps=maps), at(side, 1, maps=maps)) == (made, judged)


def test_counts_of_table_2() -> None:
    # Of "skip" generators and "residual" discriminators above.
    full = {"original": 28_817_908, "residual": 30_040_564}
    half = {"original": 23_596_292, "residual": 24_557_316}
    judged = {"original": 27_789_857, "skip": 27_801_889}
    halves = {"original": 23_077_137, "skip": 23_087_249}
    for role, maps, counts in (
        (0, 32768, full),
        (0, 16384, half),
        (1, 32768, judged),
        (1, 16384, halves),
    ):
        for name, wanted in counts.items():
            assert at(1024, role, architecture=name, maps=maps) == wanted


def test_counts_of_configuration_a_and_of_fewer_layers_of_the_mapping() -> None:
    (a, _), (d, critic) = PRESETS["stylegan2_a"], PRESETS["stylegan2_d"]
    assert at(1024, 0, **a.model_dump(exclude={"kind"})) == 26_219_627
    assert at(1024, 0, **d.model_dump(exclude={"kind"})) > 23_596_292  # an image of each level
    assert critic.model_dump()["grows"]
    assert at(256, 0, maps=16384, depth=2) == 23_191_522
    with torch.device("meta"):
        whole = StyleGAN2GeneratorNet(StyleGAN2Generator(), (3, 1024, 1024), 512, NONE)
    assert count(whole.mapping) == 2_101_248


def test_slots_and_noise_maps_at_1024_pixels() -> None:
    with torch.device("meta"):
        net = StyleGAN2GeneratorNet(StyleGAN2Generator(), (3, 1024, 1024), 512, NONE)
        first = StyleGAN2GeneratorNet(PRESETS["stylegan2_a"][0], (3, 1024, 1024), 512, NONE)
    assert net.slots == 2 * math.log2(1024) - 2 == 18
    assert len(net.noises) == 17
    assert len(first.noises) == 18  # the constant has noise, too
    affines = [m for m in net.modules() if isinstance(m, StyledConv | ToImage)]
    assert len(affines) == 17 + 9


def test_which_slot_styles_which_layer() -> None:
    net = generator()
    w = torch.randn(1, net.slots, 8)
    for layer in net.noises:
        nn.init.constant_(layer.strength, 0.3)
    told: dict[nn.Module, Tensor] = {}
    layers = [m for m in net.modules() if isinstance(m, StyledConv | ToImage)]
    for layer in layers:
        layer.register_forward_pre_hook(lambda module, given: told.update({module: given[1]}))
    with noisy(net, "fixed"):
        net.synthesise(w)
    slots = [next(i for i in range(net.slots) if told[one].equal(w[:, i])) for one in layers]
    # convolutions of 4, 8, 8, 16, 16, then images of 4, 8, 16, which share the next one's slot
    assert slots == [0, 1, 2, 3, 4, 1, 3, 5]


# ---- modulation ---------------------------------------------------------------------------------


def test_three_ways_of_modulation_are_one() -> None:
    ways = ("scaled", "grouped", "loop")
    for up, demodulate, kernel in product((False, True), (True, False), (3, 1)):
        torch.manual_seed(0)
        x, s = torch.randn(3, 5, 6, 4), torch.randn(3, 5)
        layers = [
            ModulatedConv(5, 7, kernel, up=up, demodulate=demodulate, gain=1.4, modulation=way)
            for way in ways
        ]
        found, slopes = [], []
        for layer in layers:
            layer.load_state_dict(layers[0].state_dict())
            given = [t.clone().requires_grad_() for t in (x, s)]
            y = layer(*given)
            seen = [*given, layer.weight]
            slopes.append(torch.autograd.grad(y.square().sum(), seen))
            found.append(y.detach())
        assert found[0].shape == (3, 7, 12, 8) if up else (3, 7, 6, 4)
        for y, several in zip(found, slopes, strict=True):
            torch.testing.assert_close(y, found[2], rtol=1e-5, atol=1e-5)
            for mine, reference in zip(several, slopes[2], strict=True):
                assert (mine - reference).abs().max() <= 1e-4 * reference.abs().max()


def test_demodulated_weights_have_length_one_and_know_no_scale() -> None:
    layer, style = ModulatedConv(5, 7, 3), torch.randn(2, 5)
    lengths = layer.modulated(style).flatten(2).norm(dim=2)
    torch.testing.assert_close(lengths, torch.ones(2, 7), rtol=1e-4, atol=1e-4)
    x = torch.randn(2, 5, 4, 4)
    y = layer(x, style)
    torch.testing.assert_close(layer(x, 3 * style), y, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        layer.weight.mul_(5)
    torch.testing.assert_close(layer(x, style), y, rtol=1e-4, atol=1e-5)


def test_a_batch_is_the_stack_of_its_samples() -> None:
    net, z = generator(), torch.randn(3, 8)
    with noisy(net, "none"):
        torch.testing.assert_close(net(z), torch.cat([net(one[None]) for one in z]))


def check_gains() -> None:
    """Assert the scale of maps, and of styles, at the start."""
    layer = StyledConv(64, 64, (8, 8), 8, up=False)
    assert torch.allclose(layer.affine(torch.zeros(1, 8)), torch.ones(1, 64))
    y = layer(torch.randn(16, 64, 8, 8), torch.randn(16, 8))
    assert 0.85 < y.square().mean() < 1.2  # (1 + slope²)/2 · 2, less at the borders
    image = ToImage(64, 3, 8)
    x, w = torch.randn(4, 64, 8, 8), torch.randn(4, 8)
    with torch.no_grad():
        image.affine.bias.fill_(3.0)
    torch.testing.assert_close(image(x, 0 * w), 3 * image.conv(x, torch.ones(4, 64)))


def test_maps_keep_their_variance_styles_begin_at_one_and_images_are_not_demodulated() -> None:
    torch.manual_seed(0)
    check_gains()


def test_no_gain_is_lost_in_the_discriminator_nor_one_too_many() -> None:
    net, x = discriminator(maps=512, max_maps=32), torch.randn(8, 3, 16, 16)
    h = {}
    for name, layer in net.named_modules():
        layer.register_forward_hook(lambda _, __, y, name=name: h.update({name: y}))
    net(x)
    torch.testing.assert_close(
        h["from_image.0"], math.sqrt(2) * F.conv2d(x, net.from_image[0].weight / math.sqrt(2))
    )
    level, shortcut = net.blocks[1], net.shortcuts[1]
    entered = F.leaky_relu(h["from_image.0"], 0.2)
    plain = entered
    for one, gain in zip(level, (math.sqrt(2), 1.0), strict=True):
        weight = one.parametrizations.weight.original / math.sqrt(one.weight[0].numel())
        assert torch.allclose(one.weight, gain * weight)
        plain = F.leaky_relu(one(plain) / gain, 0.2) * math.sqrt(2)
    straight = shortcut(entered) * math.sqrt(2)
    inside = (plain + straight) / math.sqrt(2)
    torch.testing.assert_close(net._level(2, entered), inside)  # pyright: ignore[reportPrivateUsage]


def test_spectral_norm_of_a_demodulated_convolution_changes_nothing() -> None:
    layer, x, s = ModulatedConv(5, 7, 3), torch.randn(2, 5, 4, 4), torch.randn(2, 5)
    image = ModulatedConv(5, 3, 1, demodulate=False)
    before = layer(x, s), image(x, s)
    sn(layer), sn(image)
    torch.testing.assert_close(layer(x, s), before[0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(image(x, s), before[1], rtol=1e-2)
    assert any(key.endswith(".u") for key in generator(spectral=True).state_dict())


# ---- filters ------------------------------------------------------------------------------------


def spread(x: Tensor) -> Tensor:
    """Return maps with a zero after each sample, in both directions."""
    wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[:, :, ::2, ::2] = x
    return wide


def direct(x: Tensor, pads: tuple[int, int], gain: float) -> Tensor:
    """Return maps under the filter, by its definition."""
    before, after = pads
    x = F.pad(x, (before, after, before, after))
    h, w = x.shape[2] - 3, x.shape[3] - 3
    y = x.new_zeros(*x.shape[:2], h, w)
    for i, j in product(range(4), range(4)):
        y += gain * TAPS[i] * TAPS[j] * x[:, :, i : i + h, j : j + w]
    return y


def test_doubling_and_halving_are_the_filter_of_their_definition() -> None:
    x = torch.randn(2, 3, 6, 8)
    up, down = BilinearUp()(x), BilinearDown()(x)
    torch.testing.assert_close(up, direct(spread(x), (2, 1), 4.0))
    torch.testing.assert_close(down, direct(x, (1, 1), 1.0)[:, :, ::2, ::2])
    assert (up.shape, down.shape) == ((2, 3, 12, 16), (2, 3, 3, 4))
    linear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up[:, :, 2:-2, 2:-2], linear[:, :, 2:-2, 2:-2])
    ones = torch.ones(1, 1, 8, 8)
    assert torch.allclose(BilinearUp()(ones)[:, :, 2:-2, 2:-2], torch.ones(12, 12))
    assert torch.allclose(BilinearDown()(ones)[:, :, 1:-1, 1:-1], torch.ones(2, 2))


@pytest.mark.parametrize("kernel", [3, 1])
def test_a_convolution_of_twice_the_size_is_doubling_then_a_convolution(kernel: int) -> None:
    layer, x = PlainConv(3, 4, kernel, up=True), torch.randn(2, 3, 6, 8)
    y = layer(x)
    turned = layer.weight.flip(2, 3)  # a convolution proper, not a correlation
    plain = F.conv2d(direct(spread(x), (2, 1), 4.0), turned, padding=kernel // 2)
    assert y.shape == (2, 4, 12, 16)
    torch.testing.assert_close(y[:, :, 3:-3, 3:-3], plain[:, :, 3:-3, 3:-3], rtol=1e-4, atol=1e-5)
    # At the borders, too: each sample spreads its kernel, then the filter (pad 1, of 1×1 pad 2).
    wide = x.new_zeros(2, 4, 10 + kernel, 14 + kernel)
    for i, j in product(range(kernel), range(kernel)):
        share = torch.einsum("oc,nchw->nohw", layer.weight[:, :, i, j], x)
        wide[:, :, i : i + 11 : 2, j : j + 15 : 2] += share
    pad = (5 - kernel) // 2
    torch.testing.assert_close(y, direct(wide, (pad, pad), 4.0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", [3, 1])
def test_a_convolution_of_half_the_size_is_the_filter_then_strides(kernel: int) -> None:
    layer, x = BlurredConv(3, 4, kernel), torch.randn(2, 3, 6, 8)
    pad = (kernel + 1) // 2
    plain = F.conv2d(direct(x, (pad, pad), 1.0), layer.weight, layer.bias, stride=2)
    torch.testing.assert_close(layer(x), plain)
    assert layer(x).shape == (2, 4, 3, 4)
    assert torch.allclose(Blur()(x, 2, 3.0), direct(x, (2, 2), 3.0), atol=1e-6)


# ---- noise, styles, truncation ------------------------------------------------------------------


def test_noise_does_nothing_at_the_start_and_what_it_is_told_later() -> None:
    net, z = generator(), torch.randn(2, 8)
    w = net.styles(z)
    with noisy(net, "none"):
        without = net.synthesise(w)
    for mode in ("random", "fixed"):
        with noisy(net, mode):
            assert torch.equal(net.synthesise(w), without)
    for layer in net.noises:
        nn.init.constant_(layer.strength, 0.5)
    assert not torch.allclose(net.synthesise(w), net.synthesise(w))  # random, by default
    with noisy(net, "fixed"):
        fixed = net.synthesise(w)
        stored = [layer.stored for layer in net.noises]
        assert torch.equal(net.synthesise(w), fixed)
        assert torch.equal(net.synthesise(w, maps=stored), fixed)
        others = [torch.randn_like(one) for one in stored]
        assert not torch.allclose(net.synthesise(w, maps=others), fixed)
    with noisy(net, "none"):
        assert torch.equal(net.synthesise(w), without)
        assert torch.equal(net.synthesise(w, maps=[0 * one for one in stored]), without)


def test_noise_has_one_strength_for_all_channels_or_one_for_each() -> None:
    x = torch.zeros(2, 3, 4, 4)
    for channels in (1, 3):
        layer = MapNoise((4, 4), channels)
        with torch.no_grad():
            layer.strength.copy_(torch.arange(1.0, channels + 1))
        y = layer(x, torch.ones(2, 1, 4, 4))
        assert torch.equal(y[0, :, 0, 0], layer.strength.expand(3))
        maps = (layer(x) / layer.strength.view(-1, 1, 1)).detach()  # one for each sample
        torch.testing.assert_close(maps, maps[:, :1].expand(-1, 3, -1, -1))
        assert not torch.allclose(maps[0], maps[1])


def test_truncation_draws_styles_towards_their_mean() -> None:
    net, z = generator(), torch.randn(4, 8)
    net.mean.value.copy_(net.styles(torch.randn(64, 8))[:, 0].mean(0))
    w, mean = net.styles(z), net.mean.value
    with noisy(net, "none"):
        net.truncation = (0.0, None)
        middle = net.synthesise(mean.expand(1, net.slots, -1))
        torch.testing.assert_close(net(z), middle.expand_as(net(z)))
        net.truncation = (1.0, None)
        torch.testing.assert_close(net(z), net.synthesise(w))
        net.truncation = (0.7, 2)
        near = net.truncated(w)
    torch.testing.assert_close(near[:, :2], mean + 0.7 * (w[:, :2] - mean))
    assert torch.equal(near[:, 2:], w[:, 2:])


def test_each_slot_may_have_a_latent_of_its_own() -> None:
    net, z = generator(), torch.randn(2, 8)
    alike = z[:, None].expand(-1, net.slots, -1)
    torch.testing.assert_close(net.styles(alike), net.styles(z))
    mixed = alike.clone()
    mixed[:, 3:] = torch.randn(2, 1, 8)
    w = net.styles(mixed)
    torch.testing.assert_close(w[:, :3], net.styles(z)[:, :3])
    torch.testing.assert_close(w[:, 3:], net.styles(mixed[:, 3])[:, 3:])


def test_the_last_slot_changes_colours_linearly() -> None:
    net, w = generator(), generator().styles(torch.randn(1, 8))
    ends = w.clone(), w.clone()
    ends[1][:, -1] += 1.0
    between = w.clone()
    between[:, -1] += 0.25
    with noisy(net, "none"):
        a, b, c = (net.synthesise(one) for one in (*ends, between))
    torch.testing.assert_close(c, 0.75 * a + 0.25 * b)


def test_the_mean_style_follows_the_latent_of_the_first_slot_in_training_alone() -> None:
    net, z = generator(), torch.randn(16, net_slots := 6, 8)
    assert net.slots == net_slots
    net.styles(z)
    assert not net.mean.value.any()
    net.train().styles(z)
    torch.testing.assert_close(net.mean.value, 0.005 * net.eval().styles(z[:, 0])[:, 0].mean(0))


# ---- sizes, conditions, growth, precision -------------------------------------------------------


@pytest.mark.parametrize("architecture", ["skip", "residual", "original"])
def test_any_base_and_channels(architecture: str) -> None:
    for shape in ((1, 28, 28), (4, 16, 24), (3, 12, 8)):
        net, judge = (
            generator(shape, architecture=architecture),
            discriminator(shape, architecture=architecture),
        )
        x = net(torch.randn(4, 8))
        assert x.shape == (4, *shape)
        assert judge(x).shape == (4,)
        assert net.sizes == judge.sizes
        judge(x).sum().backward()
        assert all(p.grad is not None for p in [*net.parameters(), *judge.parameters()][:-1])


@pytest.mark.parametrize("joined", ["embedded", "joined"])
def test_labels_reach_styles_and_the_score(joined: str) -> None:
    classes = labels(5)
    net, judge = generator(conditions=classes, labels=joined), discriminator(conditions=classes)
    z, y = torch.randn(1, 8).expand(5, -1), torch.arange(5)
    w = net.styles(z, y)[:, 0]
    assert (torch.pdist(w) > 1e-3).all()
    x = net(z, y).detach()
    assert judge(x[:1].expand(5, -1, -1, -1), y).unique().numel() == 5
    concat = discriminator(conditions=classes, labels="concat")
    assert isinstance(concat.head, Head)
    assert concat(x, y).shape == (5,)


def test_conditions_in_space_reach_every_level() -> None:
    laid = Conditions({"coarse": images(1, 16, 16)})
    for style, architecture in (("modulation", "residual"), ("adain", "original")):
        net = generator(conditions=laid, style=style, architecture=architecture)
        z, maps = torch.randn(1, 8).expand(2, -1), torch.randn(2, 1, 16, 16)
        with noisy(net, "none"):
            a, b = net(z, maps)
        assert not torch.allclose(a, b)


@pytest.mark.parametrize("style", ["modulation", "adain"])
def test_growing_blends_a_level_with_the_one_before(style: str) -> None:
    net = generator(architecture="original", grows=True, style=style)
    judge, z = discriminator(architecture="original", grows=True), torch.randn(4, 8)
    assert net.growth is not None
    assert judge.growth is not None
    with noisy(net, "none"):
        net.growth.set(1)
        coarse = net(z)
        net.growth.set(2)
        fine = net(z)
        net.growth.set(2, 0.25)
        torch.testing.assert_close(net(z), 0.75 * net.synthesis.up(coarse) + 0.25 * fine)
        net.growth.set(2, 0.0)
        torch.testing.assert_close(net(z), net.synthesis.up(coarse))
    judge.growth.set(2, 0.0)
    blended = judge(fine)
    judge.growth.set(1)
    torch.testing.assert_close(judge(judge.down(fine)), blended)


def test_fine_levels_are_rounded_and_bounded_and_no_others() -> None:
    net, judge = generator(rounded=1, limit=0.5), discriminator(rounded=1, limit=0.5)
    seen: dict[str, Tensor] = {}
    for name, module in net.named_modules():
        if isinstance(module, StyledConv):
            module.register_forward_hook(lambda _, __, y, name=name: seen.update({name: y}))
    z = torch.randn(2, 8)
    with noisy(net, "none"):
        exact = net(z)
        round_inside(net)
        rounded = net(z)
        assert rounded.dtype == torch.float32
        kinds = {name: y.dtype for name, y in seen.items()}
        assert {k for k, v in kinds.items() if v == torch.bfloat16} == {
            *("synthesis.blocks.1.0", "synthesis.blocks.1.1")
        }
        assert all((y.abs().max() <= 0.5) == (y.dtype == torch.bfloat16) for y in seen.values())
        assert not torch.allclose(rounded, exact)
        net = generator()
        exact = net(z)
        round_inside(net)
        assert (net(z) - exact).abs().max() < 0.05 * exact.abs().max()
    judge = discriminator()
    exact = judge(exact)
    round_inside(judge)
    assert torch.isfinite(judge(rounded)).all()


def test_deviation_tells_sameness_group_by_group() -> None:
    layer = MinibatchDeviation(4, 4)
    assert torch.allclose(layer(torch.ones(8, 4)), torch.full((8, 1), 1e-4))
    h = torch.randn(8, 4)
    told = layer(h)
    assert torch.allclose(told[:2], told[2:4])  # sample i is in group i mod 2
    order = torch.tensor([2, 1, 0, 3, 4, 5, 6, 7])
    assert torch.allclose(layer(h[order]), told, atol=1e-6)


def test_deviation_is_a_mean_over_all_maps_and_places() -> None:
    net, heard = discriminator(), list[Tensor]()
    net.last.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    net(torch.randn(8, 3, 16, 16))
    h, told = heard[0][:, :-1], heard[0][:, -1]
    groups = h.reshape(4, 2, -1)  # sample i is in group i mod 2
    wanted = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean(1)
    torch.testing.assert_close(told, wanted.repeat(4)[:, None, None].expand(-1, 4, 4))


def test_what_grows_is_plain() -> None:
    for kind in (StyleGAN2Generator, StyleGAN2Discriminator):
        with pytest.raises(ValueError, match=r"grows=true is for architecture=original"):
            kind(grows=True, architecture="skip")
    with pytest.raises(ValueError, match=r"style=adain is for architecture=original"):
        StyleGAN2Generator(style="adain")


def test_plain_layers_of_the_first_version_are_normalised() -> None:
    layer = AdaptiveConv(4, 6, (8, 8), 8, up=False, noise=True)
    y = layer(torch.randn(2, 4, 8, 8), torch.zeros(2, 8))
    assert torch.allclose(y.mean((2, 3)), torch.zeros(2, 6), atol=1e-5)
    assert torch.allclose(y.std((2, 3), unbiased=False), torch.ones(2, 6), atol=1e-3)


def test_usage_sums_to_one() -> None:
    net = generator()
    shares = net.usage(net.styles(torch.randn(8, 8)))
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(1)
    assert generator(architecture="residual").usage(net.styles(torch.randn(2, 8))) == []
