"""BigGAN's and BigGAN-deep's networks: published counts, what reaches which block, shortcuts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ganvas.errors import UsageError
from ganvas.networks.base import DiscriminatorSettings, GeneratorSettings
from ganvas.networks.biggan import BigGANDiscriminator, BigGANGenerator
from ganvas.networks.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
from ganvas.nn import (
    SelfAttention,
    SpectralNorm,
    downsample_average,
    estimated,
    standing,
    upsample_nearest,
)
from tests.networks.specs import images, labels

FAMILIES: dict[str, tuple[type[GeneratorSettings], type[DiscriminatorSettings]]] = {
    "biggan": (BigGANGenerator, BigGANDiscriminator),
    "deep": (BigGANDeepGenerator, BigGANDeepDiscriminator),
}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def pair(
    family: str,
    size: tuple[int, int] = (16, 16),
    latent: int = 15,
    channels: int = 3,
    classes: int = 4,
    **settings: Any,
) -> tuple[Any, Any]:
    spec, known = images(channels, *size), labels(classes)
    common = {"width": 1, **settings}
    own = {key: common.pop(key) for key in ("shared", "skip_z") if key in common}
    g, d = FAMILIES[family]
    torch.manual_seed(0)
    return g(**common, **own).build(spec, latent, known), d(**common).build(spec, known)


def published(family: str, side: int, latent: int, **settings: Any) -> tuple[int, int]:
    """Return the counts of both networks with 1,000 classes."""
    quick = {"init": "default", "spectral": False}  # neither has parameters of its own
    with torch.device("meta"):
        g, d = pair(family, (side, side), latent, classes=1000, **quick, **settings)
    return count(g), count(d)


@pytest.mark.parametrize(
    ("family", "side", "latent", "generator", "discriminator"),
    [
        ("biggan", 128, 120, 70_433_988, 87_982_370),
        ("biggan", 256, 140, 82_097_604, 99_225_890),
        ("biggan", 512, 160, 82_468_068, 99_401_282),
        ("deep", 128, 128, 50_244_484, 34_590_210),
        ("deep", 256, 128, 55_736_708, 38_247_426),
        ("deep", 512, 128, 56_019_780, 38_301_122),
    ],
)
def test_published_counts(
    family: str, side: int, latent: int, generator: int, discriminator: int
) -> None:
    width = 96 if family == "biggan" else 128
    assert published(family, side, latent, width=width) == (generator, discriminator)


@pytest.mark.parametrize(
    ("width", "settings", "latent", "generator", "both"),
    [  # both: table 1's "Param" in millions, G and D without the shared embedding
        (96, {"shared": None, "skip_z": "none"}, 128, 85_556_164, 173.5),
        (64, {"shared": None, "skip_z": "none"}, 128, 42_017_412, 81.5),
        (96, {"skip_z": "none"}, 128, 72_792_516, 160.6),
        (96, {}, 120, 70_433_988, 158.3),
        (64, {}, 120, 31_978_628, 71.3),
    ],
)
def test_the_ablations_of_table_1_have_its_counts(
    width: int, settings: dict[str, Any], latent: int, generator: int, both: float
) -> None:
    g, d = published("biggan", 128, latent, width=width, **settings)
    assert g == generator
    assert d == (87_982_370 if width == 96 else 39_448_258)
    embedding = 0 if settings.get("shared", 128) is None else 128_000
    assert (g + d - embedding) / 1e6 == pytest.approx(both, abs=0.051)


def widths(blocks: Any) -> list[int]:
    return [block.conv2.out_channels for block in blocks]


def attended(net: Any) -> list[int]:
    return [i for i, layer in enumerate(net.attention, 1) if isinstance(layer, SelfAttention)]


@pytest.mark.parametrize(
    ("side", "up", "down", "at"),
    [
        (32, [4, 4, 4], [4, 4, 4, 4], ([], [])),
        (64, [16, 8, 4, 2], [1, 2, 4, 8, 16], ([3], [1])),
        (128, [16, 8, 4, 2, 1], [1, 2, 4, 8, 16, 16], ([4], [1])),
        (256, [16, 8, 8, 4, 2, 1], [1, 2, 4, 8, 8, 16, 16], ([5], [2])),
        (512, [16, 8, 8, 4, 2, 1, 1], [1, 1, 2, 4, 8, 8, 16, 16], ([4], [3])),
    ],
)
def test_blocks_and_attention_stand_as_in_the_tables(
    side: int, up: list[int], down: list[int], at: tuple[list[int], list[int]]
) -> None:
    with torch.device("meta"):
        g, d = pair("biggan", (side, side), 840, init="default", spectral=False)
    assert (widths(g.blocks), widths(d.blocks)) == (up, down)
    assert (attended(g), attended(d)) == at


@pytest.mark.parametrize("family", ["biggan", "deep"])
@pytest.mark.parametrize(("size", "channels", "classes"), [((28, 28), 1, 3), ((24, 40), 4, 0)])
def test_any_base_any_channels_with_labels_or_without(
    family: str, size: tuple[int, int], channels: int, classes: int
) -> None:
    g, d = pair(family, size, 12 * 5, channels, classes)
    y = torch.arange(2) if classes else None
    x = g(torch.randn(2, 60), y)
    assert x.shape == (2, channels, *size)
    assert d(x, y).shape == (2,)
    assert g.size == ((7, 7) if size == (28, 28) else (6, 10))


def caught(net: nn.Module, blocks: Any, *given: Tensor | None) -> list[Tensor]:
    """Return what each block gives."""
    found: list[Tensor] = []
    hooks = [b.register_forward_hook(lambda _m, _i, out: found.append(out)) for b in blocks]
    net(*given)
    for hook in hooks:
        hook.remove()
    return found


def test_each_chunk_of_z_is_seen_by_its_block_and_those_after_it() -> None:
    g, _ = pair("biggan", (32, 32), 8)
    g.eval()
    y, z = torch.tensor([1, 2]), torch.randn(2, 8)
    parts = [g.project, *g.blocks]
    before = caught(g, parts, z, y)
    for chunk in range(4):
        moved = z.clone()
        moved[:, 2 * chunk : 2 * chunk + 2] += 1
        same = [torch.equal(a, b) for a, b in zip(before, caught(g, parts, moved, y), strict=True)]
        assert same == [number < chunk for number in range(4)]


def test_whole_and_no_skips_and_tables_of_their_own() -> None:
    y, z = torch.tensor([1, 2]), torch.randn(2, 15)
    whole, _ = pair("biggan", skip_z="whole")
    assert whole.project.in_features == 15 + 128
    assert whole.blocks[0].norm1.norm.condition.gain.in_features == 15 + 128
    none, _ = pair("biggan", skip_z="none")
    assert none.project.in_features == 15
    assert none.blocks[0].norm1.norm.condition.gain.in_features == 128
    tables, _ = pair("biggan", skip_z="none", shared=None)
    assert tables.embedding is None
    assert tables.blocks[0].norm1.norm.condition.gain.shape == (4, 4)
    for net in (whole, none, tables):
        assert net(z, y).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("family", ["biggan", "deep"])
def test_classes_between_classes_are_embeddings_between_embeddings(family: str) -> None:
    g, _ = pair(family)
    g.eval()
    z, y = torch.randn(3, 15), torch.tensor([0, 3, 1])
    torch.testing.assert_close(g.synthesise(z, g.embed(y)), g(z, y))
    mixed = 0.25 * g.embed(y) + 0.75 * g.embed(torch.tensor([2, 2, 2]))
    weights = 0.25 * torch.eye(4)[y] + 0.75 * torch.eye(4)[[2, 2, 2]]
    torch.testing.assert_close(g.synthesise(z, mixed), g(z, weights))


def test_all_layers_are_normalised_but_the_shared_embedding_and_start_orthogonal() -> None:
    for family in FAMILIES:
        for net in pair(family, attention=(8,)):
            held = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.Embedding)]
            plain = [m for m in held if not hasattr(m, "parametrizations")]
            assert plain == [m for m in [getattr(net, "embedding", None)] if m is not None]
            for layer in held:
                weight = layer.weight if layer in plain else layer.parametrizations.weight.original
                values = torch.linalg.svdvals(weight.detach().flatten(1))
                torch.testing.assert_close(values, torch.ones_like(values))
            assert all(m.eps == 1e-4 for m in net.modules() if isinstance(m, SpectralNorm))


def test_pooling_is_a_sum_and_the_score_is_linear_in_the_class() -> None:
    _, d = pair("biggan", (16, 16))
    d.eval()
    x, y = torch.randn(5, 3, 16, 16), torch.tensor([0, 1, 2, 3, 0])
    h = d.features(x)
    maps = x
    for block, attend in zip(d.blocks, d.attention, strict=True):
        maps = attend(block(maps))
    torch.testing.assert_close(h, maps.relu().sum((2, 3)))
    rows = d.head.table.weight
    apart = ((rows[y] - rows[1]) * h).sum(1)
    torch.testing.assert_close(d(x, y) - d(x, torch.ones_like(y)), apart)


def test_the_discriminators_first_rectifier_spares_its_shortcut() -> None:
    _, d = pair("biggan", spectral=False)
    block, x = d.blocks[1], torch.randn(2, 4, 8, 8)
    block.conv2.weight.data.zero_()
    kept = x.clone()
    torch.testing.assert_close(block(x), block.shortcut(x))
    assert torch.equal(x, kept)


def test_blocks_of_the_discriminator_rectify_before_each_convolution_but_the_images() -> None:
    _, d = pair("biggan", spectral=False)
    image, maps = torch.randn(2, 3, 16, 16), torch.randn(2, 4, 8, 8)
    first, second = d.blocks[0], d.blocks[1]
    h = first.conv1(image).relu()
    h = downsample_average(conv2d(h, first.conv2.weight, first.conv2.bias, padding=1))
    torch.testing.assert_close(first(image), h + first.shortcut(downsample_average(image)))
    h = second.conv2(second.conv1(maps.relu()).relu())
    torch.testing.assert_close(second(maps), h + second.shortcut(maps))


def test_deep_shortcuts_keep_channels_drop_channels_and_add_channels() -> None:
    g, d = pair("deep", (64, 64), spectral=False)
    for block in g.blocks:
        block.convs[-1].weight.data.zero_()
    for block in d.blocks:
        block.last.weight.data.zero_()
    up, down = g.blocks[3], d.blocks[2]
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(up(x, torch.randn(2, 15 + 128)), upsample_nearest(x[:, :8]))
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(down(x)[:, :4], downsample_average(x))
    assert down(x).shape == (2, 8, 4, 4)


def test_batches_of_one_and_of_many_agree_in_evaluation() -> None:
    g, d = pair("biggan", attention=(8,))
    z, y = torch.randn(6, 15), torch.tensor([0, 1, 2, 3, 0, 1])
    for _ in range(60):
        g(z, y)
        d(torch.randn(6, 3, 16, 16), y)
    for net in (g, d):
        for layer in net.modules():
            if hasattr(layer, "parametrizations"):
                matrix = layer.eval().weight.detach().flatten(1)
                assert torch.linalg.svdvals(matrix)[0] == pytest.approx(1, abs=1e-2)
    g.eval()
    together = g(z, y)
    alone = torch.cat([g(z[i : i + 1], y[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    statistics = estimated(g, lambda: [g(torch.randn(6, 15), y) for _ in range(4)])
    assert len(statistics) == 2 * len(g.blocks) + 1  # of every norm, those of classes and the last
    with standing(statistics):
        stood = g(z, y)
        alone = torch.cat([g(z[i : i + 1], y[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(stood, alone, atol=1e-5, rtol=0)
    assert not torch.allclose(stood, together, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "latent", "message"),
    [
        ({}, 16, "game.latent.dim=16 does not cut into 3 equal chunks.*game.latent.dim=15"),
        ({"attention": (7,)}, 15, "game.generator.attention=7 is no height.*8, 16"),
        ({"multiples": (1, 2)}, 15, "multiples has 2 numbers.*need 3"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    settings: dict[str, Any], latent: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        pair("biggan", latent=latent, **settings)
    assert "\n" not in str(error.value)


def test_other_misfits() -> None:
    with pytest.raises(UsageError, match="30×31 halves to no such level: set data.size="):
        pair("biggan", (30, 31))
    with pytest.raises(ValidationError, match="set skip_z=none, not chunks"):
        BigGANGenerator(shared=None)
    with pytest.raises(UsageError, match="labels=projection or auxiliary"):
        BigGANDiscriminator(width=1, labels="concat").build(images(1, 8, 8), labels(3))
