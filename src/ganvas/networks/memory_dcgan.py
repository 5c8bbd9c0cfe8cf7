"""memoryGAN's networks for Fashion-MNIST and affine-MNIST, for images of any size.

Source: Kim et al. 2018 and the authors' code. Strided 4×4 convolutions as in DCGAN; batch norm is
TensorFlow slim's, with an offset and no gain; what stands before a norm has no bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    Output,
    OutputUnit,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import Down, Halving, Size, Up, image_shape, ladder
from ganvas.networks.upsampling import Upsampling, deconvolution
from ganvas.nn import BatchNorm, initialise

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class SlimNorm(BatchNorm):
    """Batch norm with an offset and no gain, ε = 1e-3, whose evaluation is free of its start.

    At the paper's momentum of .001 the initial variance, 1, still weighs 5 % after 3,000 batches,
    and that of the data can be a thousand times smaller. Its share is taken out, as Adam does.

    Attributes:
        running_share: of the batches in the running statistics, 0-d; the start has the rest. An
            average of these statistics over training has the average share.
    """

    averages: ClassVar[tuple[str, ...]] = (*BatchNorm.averages, "running_share")
    running_share: Tensor

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__(channels, eps=1e-3, momentum=momentum, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_share", torch.zeros(()))

    def restart(self) -> None:
        """Forget the running statistics."""
        super().restart()
        self.running_share.zero_()

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return means of the batches alone, and 0 and 1 before the first."""
        share = self.running_share.clamp_min(1e-12)
        return self.running_mean / share, (1.0 + (self.running_var - 1.0) / share).clamp_min(0.0)

    def _share(self) -> float:
        share = super()._share()
        self.running_share.add_(share * (1 - self.running_share))
        return share


class _Slim(Settings):
    """What generator and query network have in common.

    Attributes:
        width: channels of level 1, half the image's size.
        growth: whether each coarser level has twice the channels or as many.
        stages: number S of halvings; None: until the smaller side is at most 5.
        pointwise: follow each inner 4×4 layer by a 1×1 layer (affine-MNIST).
        momentum: share of a new batch in the running statistics of batch norms.
    """

    kind: Literal["memory_dcgan"] = "memory_dcgan"
    width: PositiveInt = 64
    growth: Literal["double", "constant"] = "double"
    stages: PositiveInt | None = None
    pointwise: bool = False
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.001

    def sizes(self, size: Size) -> list[Size]:
        """Return the sizes of levels 0 to S."""
        stages = self.stages
        if stages is None:
            stages = next(s for s in range(1, 32) if min(ladder(size, s)[-1]) <= 5)
        return ladder(size, stages)

    def channels(self, level: int) -> int:
        """Return the channels of a level, 1 to S."""
        return self.width if self.growth == "constant" else self.width * 2 ** (level - 1)

    def normed(self, layer: nn.Module, channels: int, act: nn.Module) -> list[nn.Module]:
        """Return a layer with its norm and non-linearity."""
        return [layer, SlimNorm(channels, self.momentum), act]

    def block(self, layer: nn.Module, channels: int, act: nn.Module) -> list[nn.Module]:
        """Return a resizing layer, and the 1×1 layer after it if there is to be one."""
        layers = self.normed(layer, channels, act)
        if self.pointwise:
            layers += self.normed(nn.Conv2d(channels, channels, 1, bias=False), channels, act)
        return layers


class MemoryDCGANGenerator(_Slim, Upsampling, GeneratorSettings):
    """Settings of the generator.

    Attributes:
        hidden: width of a linear layer before the projection; 0 for none.
        output: last non-linearity.
    """

    hidden: NonNegativeInt = 0
    output: Output = "sigmoid"

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> MemoryDCGANGeneratorNet:
        """Return the network; it knows no classes.

        Raises:
            UsageError: the data are not images.
        """
        return MemoryDCGANGeneratorNet(self, image_shape(domain, self.kind), latent)


class MemoryDCGANDiscriminator(_Slim, DiscriminatorSettings):
    """Settings of the query network.

    Attributes:
        query: M, width of its last, normalised layer, the query; None: the last maps are the
            features, as in the DCGAN that it is compared with.
        slope: of the leaky rectifiers.
        first_layer: how the layer next to the image halves; all others by their stride.
    """

    query: PositiveInt | None = 256
    slope: float = 0.2
    first_layer: Halving = "stride"

    def build(self, domain: Domain, conditions: Conditions = NONE) -> MemoryDCGANDiscriminatorNet:
        """Return the network; it knows no classes.

        Raises:
            UsageError: the data are not images.
        """
        return MemoryDCGANDiscriminatorNet(self, image_shape(domain, self.kind))


class MemoryDCGANGeneratorNet(Generator):
    """[K_c, z] → linear layers → level S → … → level 1 → image."""

    def __init__(
        self, config: MemoryDCGANGenerator, shape: tuple[int, int, int], latent: int
    ) -> None:
        super().__init__(latent, NONE, shape)
        sizes = config.sizes(shape[1:])
        top = len(sizes) - 1
        channels = config.channels(top)
        self.start = (channels, *sizes[top])
        units, inputs = channels * sizes[top][0] * sizes[top][1], latent
        dense: list[nn.Module] = []
        for width in [config.hidden, units] if config.hidden else [units]:
            act = nn.ReLU() if dense else nn.LeakyReLU(0.2)
            dense += config.normed(nn.Linear(inputs, width, bias=False), width, act)
            inputs = width
        self.dense = nn.Sequential(*dense)
        grow = config.growing(top, deconvolution)[::-1]  # to each level
        blocks: list[nn.Module] = []
        for level in range(top - 1, 0, -1):
            width = config.channels(level)
            up = Up(channels, width, 4, sizes[level], False, grow[level])
            blocks += config.block(up, width, nn.ReLU())
            channels = width
        self.blocks = nn.Sequential(*blocks)
        self.last = Up(channels, shape[0], 4, sizes[0], True, grow[0])
        self.output = OutputUnit(config.output)
        initialise(self, "truncated")

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) for latents (N, latent)."""
        x = self.dense(z).view(-1, *self.start)
        return self.output(self.last(self.blocks(x)))


class MemoryDCGANDiscriminatorNet(Discriminator):
    """Image → level 1, without a norm → … → level S [→ query] → score."""

    def __init__(self, config: MemoryDCGANDiscriminator, shape: tuple[int, int, int]) -> None:
        super().__init__(NONE, "none")
        sizes = config.sizes(shape[1:])
        act = nn.LeakyReLU(config.slope)
        channels = config.channels(1)
        layers: list[nn.Module] = [
            Down(shape[0], channels, 4, sizes[0], True, config.first_layer),
            act,
        ]
        for level in range(2, len(sizes)):
            width = config.channels(level)
            layers += config.block(Down(channels, width, 4, sizes[level - 1], False), width, act)
            channels = width
        layers.append(nn.Flatten())
        units = channels * sizes[-1][0] * sizes[-1][1]
        if config.query is not None:
            # A convolution as large as the maps, in other words.
            query = nn.Linear(units, config.query, bias=False)
            layers += config.normed(query, config.query, nn.Identity())
            units = config.query
        self.layers = nn.Sequential(*layers)
        self.head = Head(units)
        initialise(self, "truncated")

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return queries of any length (N, M), or the last maps, flattened."""
        return self.layers(x)


PRESETS: Presets = {
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
}
"""Networks of this family that papers and benchmarks use, by name."""
