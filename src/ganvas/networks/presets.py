"""Networks with a name: pairs of settings that papers and benchmarks use.

Names of point networks are those of the mode-coverage benchmark; parameter counts are at the
size and latent width given.
"""

from __future__ import annotations

from ganvas.networks.bottleneck import BottleneckDiscriminator, BottleneckGenerator
from ganvas.networks.cgan_mlp import CganMLPDiscriminator, CganMLPGenerator
from ganvas.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganvas.networks.memory_dcgan import MemoryDCGANDiscriminator, MemoryDCGANGenerator
from ganvas.networks.memory_resnet import MemoryResNetDiscriminator, MemoryResNetGenerator
from ganvas.networks.mlp import MLPDiscriminator, MLPGenerator
from ganvas.networks.r3 import R3Discriminator, R3Generator
from ganvas.networks.resnet import ResNetDiscriminator, ResNetGenerator

AnyGenerator = (
    MLPGenerator
    | CganMLPGenerator
    | DCGANGenerator
    | ResNetGenerator
    | BottleneckGenerator
    | R3Generator
    | MemoryDCGANGenerator
    | MemoryResNetGenerator
)
AnyDiscriminator = (
    MLPDiscriminator
    | CganMLPDiscriminator
    | DCGANDiscriminator
    | ResNetDiscriminator
    | BottleneckDiscriminator
    | R3Discriminator
    | MemoryDCGANDiscriminator
    | MemoryResNetDiscriminator
)

PRESETS: dict[str, tuple[AnyGenerator, AnyDiscriminator]] = {
    # Points. VEEGAN's notebook (latent 254 + 1), in which all layers start as TensorFlow's do …
    "toyV": (
        MLPGenerator(widths=(128, 128), init="glorot"),
        MLPDiscriminator(widths=(128,), activation="relu", init="glorot"),
    ),
    # … and the same layers as PyTorch's start.
    "toyV_torch": (
        MLPGenerator(widths=(128, 128)),
        MLPDiscriminator(widths=(128,), activation="relu"),
    ),
    # poolio/unrolled_gan (latent 256).
    "toyU": (
        MLPGenerator(widths=(128, 128), activation="tanh", init="orthogonal", init_scale=1.4),
        MLPDiscriminator(widths=(128, 128), activation="tanh", init="orthogonal", init_scale=1.4),
    ),
    # fjxmlzn/PacGAN (latent 2).
    "toyP": (
        MLPGenerator(widths=(400,) * 4, batch_norm=True, bias=False, init="normal"),
        MLPDiscriminator(widths=(200,) * 3, activation="maxout", pieces=5, init="normal"),
    ),
    # WGAN-GP, gan_toy (latent 2): 527,874 and 527,361. Its critics classify labels, if there are
    # any, and do not see them (AC-GAN).
    "toyW": (
        MLPGenerator(widths=(512,) * 3, init="he"),
        MLPDiscriminator(widths=(512,) * 3, activation="relu", init="he", labels="auxiliary"),
    ),
    # 8×8×3 stacks of digits (latent 64).
    "dig": (
        MLPGenerator(widths=(256, 256), output="tanh"),
        MLPDiscriminator(widths=(256, 256)),
    ),
    # Images. WGAN's MLPs (64×64×3, latent 100): 7,143,424 and 7,080,449.
    "mlpW": (
        MLPGenerator(widths=(512,) * 4, output="tanh"),
        MLPDiscriminator(widths=(512,) * 4, activation="relu"),
    ),
    # cGAN system A (28×28, latent 100, 10 classes): 2,413,984 and 1,224,351.
    "cgan": (CganMLPGenerator(), CganMLPDiscriminator()),
    # cGAN system B (word vectors of 200, latent 100, condition 4096): 8,744,700 and 10,120,901.
    "cganB": (
        CganMLPGenerator(z_width=500, y_width=2000, widths=(), output="none"),
        CganMLPDiscriminator(
            x_width=500, x_pieces=1, y_width=1200, y_pieces=1, widths=(1000,), pieces=3
        ),
    ),
    # dcgan.torch, what most papers call DCGAN (64×64×3, latent 100): 3,576,704 and 2,765,568.
    "dcgan": (DCGANGenerator(), DCGANDiscriminator()),
    # Newmu/dcgan_code (64×64×3, latent 100): 18,885,760 and 17,232,768.
    "newmu": (
        DCGANGenerator(width=128, kernel=5, projection_norm="unit"),
        DCGANDiscriminator(width=128, kernel=5),
    ),
    # WGAN-GP's baseline (64×64×3, latent 128): 5,364,739 and 4,316,545.
    "dcganW": (
        DCGANGenerator(kernel=5, bias=True, init="uniform"),
        DCGANDiscriminator(kernel=5, bias=True, init="uniform", norm="layer", labels="auxiliary"),
    ),
    # WGAN's generator without batch norm, constant width (64×64×3, latent 128): 444,291.
    "constant": (
        DCGANGenerator(kernel=5, init="uniform", norm="none", growth="constant"),
        DCGANDiscriminator(kernel=5, bias=True, init="uniform", norm="layer", labels="auxiliary"),
    ),
    # WGAN-GP's MNIST networks (28×28, latent 128): sides 4, 7, 14, 28.
    "mnistW": (
        DCGANGenerator(kernel=5, stages=3, norm="none", init="wgan_gp", output="sigmoid"),
        DCGANDiscriminator(kernel=5, stages=3, norm="none", init="wgan_gp", labels="auxiliary"),
    ),
    # WGAN-GP's CIFAR-10 DCGAN (32×32×3, latent 128).
    "cifarW": (
        DCGANGenerator(width=128, kernel=5, bias=True, init="wgan_gp"),
        DCGANDiscriminator(width=128, kernel=5, norm="none", init="wgan_gp", labels="auxiliary"),
    ),
    # SN-GAN's standard CNN (32×32×3, latent 128).
    "sndcgan": (
        DCGANGenerator(full_resolution=True, bias=True, init="normal"),
        DCGANDiscriminator(
            full_resolution=True,
            extra=1,
            norm="none",
            slope=0.1,
            init="normal",
            labels="projection",
            spectral=True,
        ),
    ),
    # Stacked MNIST (28×28×3): PacGAN's copy of VEEGAN's (latent 100) …
    "smD": (
        DCGANGenerator(kernel=5, stages=4, bias=True, init="normal"),
        DCGANDiscriminator(kernel=5, stages=4, bias=True, init="normal"),
    ),
    # … and of Unrolled GAN's (latent 256), with D of half and a quarter of G's width.
    "smU2": (
        DCGANGenerator(width=8, kernel=3, stages=3, full_resolution=True, bias=True),
        DCGANDiscriminator(width=4, kernel=3, stages=3, norm_first=True, bias=True, slope=0.3),
    ),
    "smU4": (
        DCGANGenerator(width=8, kernel=3, stages=3, full_resolution=True, bias=True),
        DCGANDiscriminator(width=2, kernel=3, stages=3, norm_first=True, bias=True, slope=0.3),
    ),
    # R3GAN's shape at small width (28×28×3, latent 64).
    "smR": (R3Generator(), R3Discriminator()),
    # R3GAN's own width, 96 groups in its 3×3 convolutions (latent 64).
    "r3gan": (R3Generator(width=768), R3Discriminator(width=768)),
    # WGAN-GP's CIFAR-10 ResNet (32×32×3, latent 128): 1,204,483 and 1,053,825.
    "resnetW": (
        ResNetGenerator(),
        ResNetDiscriminator(pool="mean", labels="auxiliary"),
    ),
    # WGAN-GP's "good" ResNet (64×64×3, latent 128): 8,540,483 and 7,491,841.
    "goodW": (
        ResNetGenerator(width=64, growth="double", max_width=512, first_bias=False),
        ResNetDiscriminator(
            width=64,
            growth="double",
            max_width=512,
            first_bias=False,
            stem="conv",
            bottom=4,
            plain=0,
            norm="layer",
            pool="flatten",
            labels="auxiliary",
        ),
    ),
    # WGAN-GP's 101-layer networks (64×64×3, latent 128).
    "resnet101": (BottleneckGenerator(), BottleneckDiscriminator(labels="auxiliary")),
    # SN-GAN's CIFAR-10 ResNet (32×32×3, latent 128): 4,276,739 and 1,053,824.
    "resnetSN": (
        ResNetGenerator(width=256),
        ResNetDiscriminator(head_bias=False, spectral=True),
    ),
    # SN-GAN's ImageNet ResNet (128×128×3, latent 128).
    "imagenetSN": (
        ResNetGenerator(width=64, growth="double"),
        ResNetDiscriminator(
            width=64, growth="double", bottom=4, plain=1, head_bias=False, spectral=True
        ),
    ),
    # memoryGAN's; latents are [K_c, z] of M + dim z numbers. Fashion-MNIST (28×28, latent 258):
    # 6,958,337 and 1,705,664 without a head.
    "fashionM": (
        MemoryDCGANGenerator(width=128, growth="constant", stages=2, hidden=1024),
        MemoryDCGANDiscriminator(),
    ),
    # affine-MNIST (40×40, latent 258): 2,334,849 and 2,377,792.
    "affineM": (
        MemoryDCGANGenerator(pointwise=True),
        MemoryDCGANDiscriminator(pointwise=True),
    ),
    # CIFAR-10 (32×32×3, latent 528): 2,024,707 and 2,103,808.
    "cifarM": (MemoryResNetGenerator(), MemoryResNetDiscriminator()),
    # The DCGAN beside it (latent 128): 1,205,507 and 1,316,609.
    "cifarM0": (MemoryResNetGenerator(), MemoryResNetDiscriminator(query=None, style="batch")),
}
