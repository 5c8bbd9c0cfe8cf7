"""Networks that grow: published counts, both ends of a fade, sizes of any kind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.errors import UsageError
from ganvas.networks import PRESETS, Conditions
from ganvas.networks.progressive import (
    ProgressiveDiscriminator,
    ProgressiveDiscriminatorNet,
    ProgressiveGenerator,
    ProgressiveGeneratorNet,
)
from ganvas.nn import downsample_average, upsample_nearest
from tests.networks.specs import images, labels

SMALL: dict[str, Any] = {"maps": 32, "max_maps": 8}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def pair(
    size: tuple[int, int] = (16, 16), channels: int = 3, classes: int = 0, **settings: Any
) -> tuple[ProgressiveGeneratorNet, ProgressiveDiscriminatorNet]:
    spec, known = images(channels, *size), labels(classes)
    how = {key: settings.pop(key) for key in ("labels", "deviation", "noise") if key in settings}
    generator = ProgressiveGenerator(**SMALL, **settings).build(spec, 6, known)
    return generator, ProgressiveDiscriminator(**SMALL, **settings, **how).build(spec, known)


def stand(level: int, alpha: float, *nets: Any) -> None:
    for net in nets:
        net.growth.set(level, alpha)


class Repeated(nn.Module):
    """The first channel as eight maps."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].expand(-1, 8, -1, -1)


@pytest.mark.parametrize(
    ("side", "generator", "discriminator", "last"),
    [
        (32, 20_719_628, 20_726_785, None),
        (64, 22_490_383, 22_498_049, None),
        (256, 23_044_309, 23_052_353, None),
        (1024, 23_079_115, 23_087_249, (23_071_507, 23_077_137)),
    ],
)
def test_published_counts(
    side: int, generator: int, discriminator: int, last: tuple[int, int] | None
) -> None:
    with torch.device("meta"):
        g = PRESETS["progressive"][0].build(images(3, side, side), 512)
        d = PRESETS["progressive"][1].build(images(3, side, side))
    assert (count(g), count(d)) == (generator, discriminator)
    if last is not None:  # with the image layers of the last level only
        others = count(g.to_image[:-1]), count(d.from_image[:-1])
        assert (count(g) - others[0], count(d) - others[1]) == last
        widths = [layer.in_channels for layer in g.to_image]
        assert widths == [512, 512, 512, 512, 256, 128, 64, 32, 16]


@pytest.mark.parametrize("options", [{}, {"labels": "concat", "classes": 3}])
def test_at_alpha_0_both_are_the_coarser_networks_bit_for_bit(options: dict[str, Any]) -> None:
    g, d = pair(**options)
    y = torch.arange(4) % 3 if options else None
    z, x = torch.randn(4, 6), torch.randn(4, 3, 16, 16)
    stand(1, 1.0, g, d)
    image, score = g(z, y), d(downsample_average(x), y)
    stand(2, 0.0, g, d)
    assert torch.equal(g(z, y), upsample_nearest(image))
    assert torch.equal(d(x, y), score)


@pytest.mark.parametrize("side", [16, 4])
def test_conditions_in_space_are_seen_at_every_level_and_fade_with_them(side: int) -> None:
    """Of samples they are beside the maps of each level; of items beside the image, at its size."""
    spec, seen = images(3, 16, 16), Conditions({"seen": images(1, side, side)})
    g = ProgressiveGenerator(**SMALL).build(spec, 6, seen)
    d = ProgressiveDiscriminator(**SMALL, labels="concat").build(spec, seen)
    z, x, y = torch.randn(4, 6), torch.randn(4, 3, 16, 16), torch.randn(4, 1, side, side)
    other = y + torch.tensor([1.0, 0, 0, 0])[:, None, None, None]
    for level in range(3):
        stand(level, 1.0, g)
        assert g(z, y).shape == (4, 3, 4 << level, 4 << level)
        changed = (g(z, y) != g(z, other)).flatten(1).any(1)
        assert changed.tolist() == [True, False, False, False]
    stand(1, 1.0, g, d)
    image, score = g(z, y), d(downsample_average(x), y)
    assert not torch.equal(score, d(downsample_average(x), other))
    stand(2, 0.0, g, d)
    assert torch.equal(g(z, y), upsample_nearest(image))
    torch.testing.assert_close(d(x, y), score)


def test_at_alpha_1_both_are_networks_without_a_fade() -> None:
    g, d = pair(deviation=0)
    z, x = torch.randn(4, 6), torch.randn(4, 3, 16, 16)
    stand(2, 1.0, g, d)
    h = g.first(g.normalise(z)[:, :, None, None])
    for first, *rest in g.blocks:
        h = F.conv2d(upsample_nearest(h), first.weight, first.bias, padding=1)
        h = nn.Sequential(*rest)(h)
    assert torch.equal(g(z), g.to_image[2](h))
    h = d.from_image[2](x)
    for number in (1, 0):
        h = downsample_average(d.blocks[number](h))
    assert torch.equal(d(x), d.head(d.last(h)))


def test_in_between_old_and_new_are_mixed() -> None:
    g, d = pair(deviation=0)
    z, x = torch.randn(4, 6), torch.randn(4, 3, 16, 16)
    stand(2, 1.0, g, d)
    new, h = g(z), downsample_average(d.blocks[1](d.from_image[2](x)))
    stand(1, 1.0, g)
    old, coarse = upsample_nearest(g(z)), d.from_image[1](downsample_average(x))
    stand(2, 0.25, g, d)
    assert g(z).allclose(0.75 * old + 0.25 * new, atol=1e-6)
    seen = downsample_average(d.blocks[0](0.75 * coarse + 0.25 * h))
    assert d.features(x).allclose(d.last(seen), atol=1e-6)


def test_one_more_map_says_how_samples_differ() -> None:
    _, d = pair()
    told: list[Tensor] = []
    d.last[0].register_forward_pre_hook(lambda _, given: told.append(given[0][:, -1]))
    d(torch.randn(1, 3, 4, 4).expand(4, -1, -1, -1))
    assert told[0].allclose(torch.tensor(1e-4))  # √1e-8, of equal samples
    d.from_image[0] = Repeated()
    x = torch.zeros(4, 3, 4, 4)
    x[1::2, 0] = 2.0
    d(x)
    assert told[1].allclose(torch.ones(()), atol=1e-5)  # biased: unbiased it would be 1.155


def test_a_network_for_small_images_is_part_of_one_for_larger_ones() -> None:
    for small, large in zip(pair((8, 8)), pair((32, 32)), strict=True):
        mine, theirs = small.state_dict(), large.state_dict()
        assert mine.keys() < theirs.keys()
        assert all(mine[name].shape == theirs[name].shape for name in mine)


@pytest.mark.parametrize(
    ("size", "settings", "sizes"),
    [
        ((28, 28), {}, [(7, 7), (14, 14), (28, 28)]),
        ((24, 32), {}, [(6, 8), (12, 16), (24, 32)]),
        ((64, 16), {}, [(16, 4), (32, 8), (64, 16)]),
        ((16, 16), {"base": 8}, [(8, 8), (16, 16)]),
        ((12, 12), {"doublings": 2}, [(3, 3), (6, 6), (12, 12)]),
        ((9, 5), {"doublings": 0}, [(9, 5)]),
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_base_times_powers_of_two(
    size: tuple[int, int], settings: dict[str, Any], sizes: list[tuple[int, int]], channels: int
) -> None:
    g, d = pair(size, channels, **settings)
    assert g.sizes == sizes
    for level, (height, width) in enumerate(sizes):
        stand(level, 0.5, g, d)
        x = g(torch.randn(2, 6))
        assert x.shape == (2, channels, height, width)
        assert d(x).shape == (2,)


@pytest.mark.parametrize(
    ("size", "settings", "told"),
    [
        ((27, 27), {}, r"27×27 halves to no such level: set data.size=28 data.resize=fit-crop"),
        ((6, 6), {}, r"set data.size=8 data.resize"),
        ((45, 64), {}, r"set data.size=44x64 data.resize"),
        ((28, 28), {"doublings": 3}, r"multiples of 8, not 28×28: these have at most 2"),
    ],
)
def test_sides_that_no_level_divides(
    size: tuple[int, int], settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        ProgressiveGenerator(**settings).build(images(3, *size), 6)


@pytest.mark.parametrize("use", ["concat", "projection", "auxiliary"])
def test_labels(use: Any) -> None:
    g, d = pair(classes=3, labels=use)
    stand(1, 0.5, g, d)
    z, y = torch.randn(1, 6).expand(3, -1), torch.arange(3)
    x = g(z, y)
    assert not torch.equal(x[0], x[1])
    assert d(x, y).shape == (3,)
    if use == "auxiliary":
        assert d.classify(d.features(x)).shape == (3, 3)
    else:
        assert not torch.equal(d(x[:1], y[:1]), d(x[:1], y[1:2]))


@pytest.mark.parametrize("use", ["concat", "projection", "auxiliary"])
def test_tags_and_numbers_reach_both_networks_at_every_level(use: Any) -> None:
    tags, place = Tags(called=["a", "b"]), Vector(shift=[0.0], scale=[1.0])
    known = Conditions({"tags": tags, "place": place})
    spec, told = images(3, 16, 16), torch.tensor([[0.0, 1, 0.5], [1, 1, 0.5], [0, 1, -0.5]])
    torch.manual_seed(0)
    g = ProgressiveGenerator(**SMALL).build(spec, 6, known)
    d = ProgressiveDiscriminator(**SMALL, labels=use, deviation=0).build(spec, known)
    for level, alpha in ((0, 1.0), (1, 0.5), (2, 1.0)):
        stand(level, alpha, g, d)
        x = g(torch.randn(1, 6).expand(3, -1), told)
        assert not torch.equal(x[0], x[1])
        assert not torch.equal(x[0], x[2])
        if use == "auxiliary":  # a logit for each tag, and the number
            assert d.classify(d.features(x)).shape == (3, 3)
        else:
            scores = d(x[:1].expand(3, -1, -1, -1), told)
            assert len(set(scores.tolist())) == 3


@pytest.mark.parametrize("equalised", [True, False])
def test_maps_keep_their_size_through_a_fresh_network(equalised: bool) -> None:
    torch.manual_seed(0)
    g, d = pair((32, 32), equalised=equalised)
    stand(3, 1.0, g, d)
    x = g(torch.randn(64, 6))
    assert 0.3 < x.std().item() < 3
    h = d.blocks[2][1](d.from_image[3](torch.randn(16, 3, 32, 32)))
    assert 0.3 < h.std().item() < 3
