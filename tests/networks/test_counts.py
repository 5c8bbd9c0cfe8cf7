"""Parameter counts that papers and their codes give."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganvas.networks import PRESETS, describe
from ganvas.networks.convolutional import Down
from tests.networks.specs import images, labels, points


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


FACES, CIFAR, MNIST = images(3, 64, 64), images(3, 32, 32), images(1, 28, 28)

# name, data, latent width, classes, parameters of G and D
PUBLISHED = [
    ("toyW", points(2), 2, 0, 527_874, 527_361),
    ("mlpW", FACES, 100, 0, 7_143_424, 7_080_449),
    ("mlpW", FACES, 128, 0, 7_157_760, 7_080_449),
    ("cgan", MNIST, 100, 10, 2_413_984, 1_224_351),
    ("cganB", points(200), 100, 4096, 8_744_700, 10_120_901),
    ("dcgan", FACES, 100, 0, 3_576_704, 2_765_568),
    ("newmu", FACES, 100, 0, 18_885_760, 17_232_768),
    ("newmu32", CIFAR, 256, 0, 6_690_688, 4_586_112),
    ("newmuSVHN", CIFAR, 100, 0, 1_446_976, 1_033_664),
    ("newmuMNIST", MNIST, 100, 10, 6_820_538, 6_688_202),
    ("dcganW", FACES, 128, 0, 5_364_739, 4_316_545),
    ("constant", FACES, 128, 0, 444_291, 4_316_545),
    ("resnetW", CIFAR, 128, 0, 1_204_483, 1_053_825),
    ("resnetW", CIFAR, 128, 10, 1_218_307, 1_055_115),
    ("goodW", FACES, 128, 0, 8_540_483, 7_491_841),
    ("resnetSN", CIFAR, 128, 0, 4_276_739, 1_053_824),
    ("resnetSN", CIFAR, 128, 10, 4_304_387, 1_055_104),
]


@pytest.mark.parametrize(("name", "spec", "latent", "classes", "generator", "critic"), PUBLISHED)
def test_published_counts(name, spec, latent, classes, generator, critic):
    g, d = PRESETS[name]
    with torch.device("meta"):
        assert count(g.build(spec, latent, labels(classes))) == generator
        assert count(d.build(spec, labels(classes))) == critic


def test_the_critic_without_norms_has_its_published_count():
    critic = PRESETS["dcganW"][1].model_copy(update={"norm": "none"})
    assert count(critic.build(FACES)) == 4_314_753


def test_the_good_resnet_grows_by_one_stage_for_128_pixels():
    # 512 → 512 between 4² and 8²: two 3×3 convolutions, the first without bias, a shortcut, norms
    stage = 2 * 512 * 512 * 9 + 512 + 512 * 512 + 512 + 2 * 2 * 512
    g, d = PRESETS["goodW"]
    with torch.device("meta"):
        generator, critic = g.build(images(3, 128, 128), 128), d.build(images(3, 128, 128))
    assert count(generator) == 8_540_483 + stage == 13_524_291
    assert count(critic) == 7_491_841 + stage == 12_475_649
    assert [b.conv2.out_channels for b in generator.blocks] == [512, 512, 256, 128, 64]
    assert [b.conv2.out_channels for b in critic.blocks] == [128, 256, 512, 512, 512]


def test_r3gan_has_its_published_counts_at_256_pixels():
    # the paper's configuration E on FFHQ-256: 23.058 and 23.010 million
    widths = (768, 768, 768, 768, 384, 192, 96)
    g, d = (part.model_copy(update={"width": widths}) for part in PRESETS["r3gan"])
    with torch.device("meta"):
        generator, critic = g.build(images(3, 256, 256), 64), d.build(images(3, 256, 256))
    assert (count(generator), count(critic)) == (23_057_952, 23_009_568)
    groups = [m.groups for m in critic.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert groups[:2] == [12, 12]
    assert groups[-3:-1] == [96, 96]


def test_point_networks_have_the_benchmarks_layers():
    def widths(name, latent):
        g, d = (c.build(points(2), *a) for c, a in zip(PRESETS[name], ([latent], []), strict=True))
        return [
            [tuple(m.weight.shape) for m in net.modules() if isinstance(m, nn.Linear)]
            for net in (g, d)
        ]

    assert widths("toyV", 255) == [[(128, 255), (128, 128), (2, 128)], [(128, 2), (1, 128)]]
    assert widths("toyU", 256)[1] == [(128, 2), (128, 128), (1, 128)]
    assert widths("toyP", 2) == [
        [(400, 2), *[(400, 400)] * 3, (2, 400)],
        [(1000, 2), *[(1000, 200)] * 2, (1, 200)],
    ]
    generator = PRESETS["toyP"][0].build(points(2), 2)
    biased = [m.bias is not None for m in generator.modules() if isinstance(m, nn.Linear)]
    assert biased == [False, False, False, False, True]


def test_stacked_mnist_networks_have_the_benchmarks_maps():
    def maps(net):
        return [
            m.weight.shape[1 if isinstance(m, nn.ConvTranspose2d) else 0]
            for m in net.modules()
            if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
        ]

    spec = images(3, 28, 28)
    g, d = PRESETS["smD"]
    assert g.build(spec, 100).start == (512, 2, 2)
    assert maps(g.build(spec, 100)) == [256, 128, 64, 3]
    assert maps(d.build(spec)) == [64, 128, 256, 512]
    g, d = PRESETS["smU2"]
    assert g.build(spec, 256).start == (64, 4, 4)
    assert maps(g.build(spec, 256)) == [32, 16, 8, 3]
    assert maps(d.build(spec)) == [4, 8, 16]
    assert maps(PRESETS["smU4"][1].build(spec)) == [2, 4, 8]
    assert PRESETS["smR"][0].build(spec, 64).basis.shape == (128, 4, 4)


def test_standard_cnn_of_sn_gan_has_seven_convolutions():
    discriminator = PRESETS["sndcgan"][1].build(CIFAR)
    convs = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    plan = [(m.out_channels, m.kernel_size[0], m.stride[0]) for m in convs]
    assert plan == [
        (64, 3, 1),
        (128, 4, 2),
        (128, 3, 1),
        (256, 4, 2),
        (256, 3, 1),
        (512, 4, 2),
        (512, 3, 1),
    ]
    assert discriminator.head.score.in_features == 8192
    generator = PRESETS["sndcgan"][0].build(CIFAR, 128)
    assert generator.start == (512, 4, 4)


def test_bottleneck_networks_have_101_layers():
    kinds = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
    with torch.device("meta"):
        nets = PRESETS["resnet101"][0].build(FACES, 128), PRESETS["resnet101"][1].build(FACES)
    for net in nets:
        assert len(net.blocks) == 33
        layers = [n for n, m in net.named_modules() if isinstance(m, kinds)]
        assert sum("shortcut" not in name for name in layers) == 101


def test_imagenet_networks_have_the_widths_of_the_paper():
    with torch.device("meta"):
        generator = PRESETS["imagenetSN"][0].build(images(3, 128, 128), 128, labels(1000))
        critic = PRESETS["imagenetSN"][1].build(images(3, 128, 128), labels(1000))
    assert [b.conv2.out_channels for b in generator.blocks] == [1024, 512, 256, 128, 64]
    assert generator.start == (1024, 4, 4)
    assert [b.conv2.out_channels for b in critic.blocks] == [64, 128, 256, 512, 1024, 1024]
    assert critic.head.table.weight.shape == (1000, 1024)


def test_description_counts_and_lists():
    net = PRESETS["dcgan"][1].build(images(1, 16, 16))
    described = describe(net)
    assert described.parameters == count(net) == sum(described.parts.values())
    assert described.shapes["blocks.0.conv.conv.weight"] == (64, 1, 4, 4)
    assert described.buffers == sum(b.numel() for b in net.buffers())
    assert described.bytes == sum(
        t.numel() * t.element_size() for t in (*net.parameters(), *net.buffers())
    )


# name, data, M, dim z, parameters of the query network and G without a head, and of both
MEMORY_GAN = [
    ("fashionM", MNIST, 256, 2, 1_705_664, 6_958_337, 8_664_001),
    ("affineM", images(1, 40, 40), 256, 2, 2_377_792, 2_334_849, 4_712_641),
    ("cifarM", CIFAR, 512, 16, 2_103_808, 2_024_707, 4_128_515),
]


@pytest.mark.parametrize(("name", "spec", "m", "z", "query", "generator", "total"), MEMORY_GAN)
def test_memorygan_has_the_papers_counts(name, spec, m, z, query, generator, total):
    g, d = PRESETS[name]
    with torch.device("meta"):
        networks = g.build(spec, m + z), d.build(spec)
    assert networks[1].head.score.in_features == m
    counts = count(networks[0]), count(networks[1]) - count(networks[1].head)
    assert counts == (generator, query)
    assert sum(counts) == total


def test_the_dcgan_beside_memorygan_has_its_count():
    g, d = PRESETS["cifarM0"]
    with torch.device("meta"):
        assert count(g.build(CIFAR, 128)) + count(d.build(CIFAR)) == 2_522_116


def test_memorygan_grows_by_a_block_for_64_pixels():
    (g, d), z = PRESETS["cifarM"], torch.randn(2, 20)
    small = g.model_copy(update={"width": 8}), d.model_copy(update={"width": 8, "query": 12})
    for size, blocks in ((32, 3), (64, 4)):
        spec = images(3, size, size)
        generator, query = small[0].build(spec, 20), small[1].build(spec)
        assert len(generator.blocks) == blocks
        assert generator(z).shape == (2, 3, size, size)
        assert query.features(generator(z)).shape == (2, 12)


@pytest.mark.parametrize("size", [(28, 28), (40, 40), (8, 8), (30, 45)])
def test_memorygans_dcgan_takes_any_size(size):
    spec = images(1, *size)
    for pointwise in (False, True):
        changes = {"width": 4, "pointwise": pointwise}
        g, d = (c.model_copy(update=changes) for c in PRESETS["affineM"])
        x = g.build(spec, 6)(torch.randn(2, 6))
        assert x.shape == (2, *spec.shape)
        assert d.build(spec).features(x).shape == (2, 256)


def test_strided_layers_pad_odd_sides_as_tensorflow_does():
    down, x = Down(1, 2, 4, (7, 7), True), torch.randn(2, 1, 7, 7)
    same = F.conv2d(F.pad(x, (1, 2, 1, 2)), down.conv.weight, down.conv.bias, stride=2)
    assert down(x).shape == (2, 2, 4, 4)
    assert torch.allclose(down(x), same, atol=1e-6)
