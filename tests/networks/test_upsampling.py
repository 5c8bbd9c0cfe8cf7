"""The switch of up-samplers in every family, and of the discriminator's first layer."""

from __future__ import annotations

from statistics import median

import pytest
import torch
import torch.nn.functional as F

from ganvas.data.domains.videos import Videos
from ganvas.errors import UsageError
from ganvas.metrics.checkerboard import patterns
from ganvas.networks import (
    BottleneckGenerator,
    Conditions,
    DCGANDiscriminator,
    DCGANGenerator,
    MemoryDCGANDiscriminator,
    MemoryDCGANGenerator,
    MemoryResNetGenerator,
    R3Generator,
    ResNetGenerator,
)
from ganvas.networks.biggan import BigGANGenerator
from ganvas.networks.biggan_deep import BigGANDeepGenerator
from ganvas.networks.convolutional import Down
from ganvas.networks.dcgan_labelled import LabelledGenerator
from ganvas.networks.progressive import ProgressiveGenerator
from ganvas.networks.video.frames import TGANGenerator
from ganvas.networks.video.tganv2 import TGANv2Generator
from ganvas.networks.video.vgan import VGANFutureGenerator, VGANGenerator
from ganvas.networks.video.volume import VolumeGenerator
from ganvas.nn import UpConv2d, Upsample, initialise, lipschitz, upsampler
from ganvas.nn.conversion import enlarges, scale_of
from tests.networks.specs import images

NAMES = [*Upsample.__args__]
SQUARE = images(3, 16, 16)
FAMILIES = {
    "dcgan": DCGANGenerator(width=4, kernel=5),
    "dcgan-full": DCGANGenerator(width=4, kernel=3, full_resolution=True, extra=1),
    "dcgan_labelled": LabelledGenerator(width=4, hidden=8),
    "resnet": ResNetGenerator(width=4),
    "bottleneck": BottleneckGenerator(width=8, blocks=1),
    "r3": R3Generator(width=8, group_width=4, blocks=1),
    "memory_dcgan": MemoryDCGANGenerator(width=4),
    "memory_resnet": MemoryResNetGenerator(width=4),
    "progressive": ProgressiveGenerator(maps=64, max_maps=8),
    "biggan": BigGANGenerator(width=4),
    "biggan_deep": BigGANDeepGenerator(width=4),
}


def built(config, **changes):
    torch.manual_seed(0)
    return config.model_copy(update=changes).build(SQUARE, 6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_generator_takes_every_upsampler(family, name):
    net = built(FAMILIES[family], upsample=name)
    if family == "progressive":
        net.growth.set(2, 0.5)
    x = net(torch.randn(3, 6))
    assert x.shape == (3, 3, 16, 16)
    x.square().sum().backward()
    used = [p.grad is not None for p in net.parameters()]
    assert all(used) or family == "progressive"


@pytest.mark.parametrize("family", FAMILIES)
def test_other_parameters_keep_their_names_and_shapes(family):
    """Between any two up-samplers only what is inside of the layers that enlarge differs."""
    nets = [built(FAMILIES[family], upsample=name) for name in NAMES]
    places = tuple(name for name, layer in nets[0].named_modules() if enlarges(layer))
    assert len(places) == (4 if family == "bottleneck" else 2)
    others = [
        {n: p.shape for n, p in net.named_parameters() if not n.startswith(places)} for net in nets
    ]
    assert others[0]
    assert all(other == others[0] for other in others)


SHOWN = Conditions({"image": SQUARE})
CLIPS = Videos(channels=3, frames=8, height=16, width=16)
CLIP_FAMILIES = {  # and by how much each of their layers enlarges which axes, in order
    "vgan": (VGANGenerator(width=4), [(2, 2, 2)] * 2 + [(2, 2)] * 2),
    "vgan_future": (VGANFutureGenerator(width=4), [(2, 2, 2)] * 2 + [(2, 2)] * 2),
    "volume": (VolumeGenerator(width=4, stages=2), [(2, 2, 2)] * 2),
    "tgan": (TGANGenerator(width=4, stages=2), [(2, 2)] * 2),
    "tganv2": (TGANv2Generator(width=4, levels=1), [(2, 2)] * 2),
}


def built_for_clips(family, name):
    torch.manual_seed(0)
    config = CLIP_FAMILIES[family][0].model_copy(update={"upsample": name})
    if family == "tgan":
        return config.build_frames(SQUARE, 4, 2)
    return config.build(CLIPS, 6, SHOWN if family == "vgan_future" else Conditions())


@pytest.mark.parametrize("family", CLIP_FAMILIES)
def test_every_generator_of_clips_takes_every_upsampler(family):
    """Time is doubled with space where the family's own layers do so; all else keeps its name."""
    others = []
    for name in NAMES:
        net = built_for_clips(family, name)
        layers = {n: layer for n, layer in net.named_modules() if enlarges(layer)}
        assert [scale_of(layer) for layer in layers.values()] == CLIP_FAMILIES[family][1]
        assert {hasattr(m, "way") for m in layers.values()} == {not name.startswith("deconv")}
        told = (torch.randn(2, 3, 16, 16),) if family == "vgan_future" else ()
        clips = net(torch.randn(2, 6), *told)
        assert clips.shape[1:] == (SQUARE if family == "tgan" else CLIPS).shape
        clips.square().sum().backward()
        assert all(p.grad is not None for p in net.parameters())
        inside = tuple(n.removesuffix(".0") if name == "deconv_then_s1" else n for n in layers)
        others.append({n: p.shape for n, p in net.named_parameters() if not n.startswith(inside)})
    assert others[0]
    assert all(other == others[0] for other in others)
    with pytest.raises(UsageError, match=r"lists 1 layers.*doubles its maps 2 times"):
        built_for_clips(family, ("deconv",))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_list_has_one_for_each_level_coarsest_first(family):
    net = built(FAMILIES[family], upsample=("subpixel", "nn_resize"))
    doubling = [m for m in net.modules() if isinstance(m, UpConv2d)]
    ways = [type(m.way).__name__ for m in doubling]
    assert ways[0] == "Shuffle"
    assert ways[-1] == "Resize"
    with pytest.raises(UsageError, match=r"lists 1 layers.*doubles its maps 2 times"):
        built(FAMILIES[family], upsample=("deconv",))


def test_residual_generators_repeat_pixels_as_published():
    """The resize of residual families is theirs to the last bit: repeat, then zeros around."""
    net = built(ResNetGenerator(width=4))
    conv, x = net.blocks[0].conv1, torch.randn(2, 4, 4, 4)
    big = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(conv(x), F.conv2d(big, conv.weight, conv.bias, padding=1))


@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize("size", [(7, 7), (8, 6)])
def test_a_first_layer_that_pools(kernel, size):
    torch.manual_seed(0)
    layer, x = Down(1, 2, kernel, size, True, "pool"), torch.randn(2, 1, *size)
    odd, left = [side % 2 for side in size], (kernel - 1) // 2
    right = kernel - 1 - left
    padded = F.pad(x, (left, right + odd[1], left, right + odd[0]))
    wanted = F.avg_pool2d(F.conv2d(padded, layer.conv.weight, layer.conv.bias), 2)
    torch.testing.assert_close(layer(x), wanted)
    assert layer(x).shape[2:] == ((size[0] + 1) // 2, (size[1] + 1) // 2)
    assert lipschitz(layer) > 0


@pytest.mark.parametrize(
    "config",
    [
        DCGANDiscriminator(width=4, kernel=3, norm="none"),
        MemoryDCGANDiscriminator(width=4, query=None),
    ],
)
def test_gradients_of_a_pooling_first_layer_have_less_of_a_pattern(config):
    """Shapes and names stay, and the input gradient's peak of period 2 falls."""
    x = torch.randn(32, 3, 32, 32)
    peaks, shapes = [], []
    for how in ("stride", "pool"):
        torch.manual_seed(0)
        net = config.model_copy(update={"first_layer": how}).build(images(3, 32, 32))
        shapes.append({n: p.shape for n, p in net.named_parameters()})
        (slope,) = torch.autograd.grad(net.features(x.requires_grad_()).sum(), x)
        peaks.append(patterns(slope)[2].peak)
    assert shapes[0] == shapes[1]
    assert peaks[0] > 3 * peaks[1]


SEEDS = range(16)


def grown(names, kernel, seed, channels=8):
    """Return what three untrained layers make of rectified noise, 5×5 to 40×40."""
    torch.manual_seed(seed)
    x = torch.randn(8, channels, 5, 5).relu()
    for level, name in enumerate(names):
        layer = upsampler(name, channels, channels if level < 2 else 1, kernel)
        initialise(layer, "he")
        x = layer(x) if level == 2 else F.relu(layer(x) / layer(x).std())
    return x


@pytest.mark.parametrize("kernel", [3, 5])
@torch.no_grad()
def test_untrained_layers_have_the_patterns_of_the_article(kernel):
    """Resizes leave none, a last deconvolution period 2, the last two period 4, over 16 seeds."""
    lists = [
        ("nn_resize",) * 3,
        ("nn_resize", "nn_resize", "deconv"),
        ("nn_resize", "deconv", "deconv"),
    ]
    found = [[patterns(grown(names, kernel, seed)) for seed in SEEDS] for names in lists]
    resize, last, _ = found
    for seed in SEEDS:
        assert resize[seed][2].variance < 0.02
        assert last[seed][2].variance > 20 * resize[seed][2].variance
        assert last[seed][2].clearer_than(resize[seed][2])
    middle = [{s: median(one[s].variance for one in each) for s in (2, 4)} for each in found]
    assert middle[1][2] > 0.1
    assert middle[1][4] < middle[1][2] + 0.05  # of period 2 only
    assert middle[2][4] > middle[0][4] + 0.2
    assert middle[2][4] > middle[2][2] + 0.1
