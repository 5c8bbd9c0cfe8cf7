"""memoryGAN's residual networks for CIFAR-10 and 64×64 images, and the DCGAN of its Table 1.

Source: Kim et al. 2018 and the authors' code: WGAN-GP's ResNet with the norm and non-linearity
after the sum. Within blocks stands a batch norm with an offset and no gain, after them a layer
norm (memoryGAN) or such a batch norm (the baseline's discriminator).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import halvings, image_shape
from ganvas.networks.memory_dcgan import SlimNorm
from ganvas.networks.upsampling import Growing, Upsampling, resize_convolution
from ganvas.nn import LayerNorm, downsample_average, initialise, upsample_nearest

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

Resample = Literal["none", "up", "down"]
Style = Literal["layer", "batch"]


class _Summed(Settings):
    """What generator and query network have in common.

    Attributes:
        width: channels of all maps.
        momentum: share of a new batch in the running statistics of batch norms.
    """

    kind: Literal["memory_resnet"] = "memory_resnet"
    width: PositiveInt = 128
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.001


class MemoryResNetGenerator(_Summed, Upsampling, GeneratorSettings):
    """Settings of the generator: 4×4, then one block for each doubling."""

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> MemoryResNetGeneratorNet:
        """Return the network; it knows no classes.

        Raises:
            UsageError: the data are not images of a fitting size.
        """
        return MemoryResNetGeneratorNet(self, image_shape(domain, self.kind), latent)


class MemoryResNetDiscriminator(_Summed, DiscriminatorSettings):
    """Settings of the query network, or of the baseline's discriminator.

    Attributes:
        query: M, channels of the last convolution, whose mean is the query; None: that
            convolution has ``width`` channels, a norm and a non-linearity.
        style: layer norms and ELU, or batch norms, of the stem too, and leaky ReLU.
    """

    query: PositiveInt | None = 512
    style: Style = "layer"

    def build(self, domain: Domain, conditions: Conditions = NONE) -> MemoryResNetDiscriminatorNet:
        """Return the network; it knows no classes.

        Raises:
            UsageError: the data are not images of a fitting size.
        """
        return MemoryResNetDiscriminatorNet(self, image_shape(domain, self.kind))


def _act(style: Style) -> nn.Module:
    return nn.ELU() if style == "layer" else nn.LeakyReLU(0.2)


class SummedBlock(nn.Module):
    """act(norm(shortcut + conv3×3 act BN conv3×3)), doubling before or halving after.

    Args:
        inputs, outputs: channels; where they differ the block is the stem.
        resample: how the size changes.
        momentum: of the batch norms.
        style: of the norm after the sum and of both non-linearities.
        normed: whether the first convolution has a norm, rather than a bias.
        grow: what doubles together with the first convolution; the shortcut's pixels are repeated.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        resample: Resample,
        momentum: float,
        style: Style = "layer",
        normed: bool = True,
        grow: Growing = resize_convolution,
    ) -> None:
        super().__init__()
        self.resample: Resample = resample
        self.conv1 = (
            grow(inputs, outputs, 3, bias=not normed)
            if resample == "up"
            else nn.Conv2d(inputs, outputs, 3, padding=1, bias=not normed)
        )
        self.norm1 = SlimNorm(outputs, momentum) if normed else nn.Identity()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Identity() if resample == "none" else nn.Conv2d(inputs, outputs, 1)
        self.norm = LayerNorm(outputs) if style == "layer" else SlimNorm(outputs, momentum)
        self.act = _act(style)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, …) at the new size."""
        h = self.conv2(self.act(self.norm1(self.conv1(x))))
        # A 1×1 convolution commutes with both ways to change the size.
        match self.resample:
            case "none":
                total = h + x
            case "up":
                total = h + upsample_nearest(self.shortcut(x))
            case "down":
                total = downsample_average(h) + self.shortcut(downsample_average(x))
        return self.act(self.norm(total))


class MemoryResNetGeneratorNet(Generator):
    """[K_c, z] → 4×4 → doubling blocks → image."""

    def __init__(
        self, config: MemoryResNetGenerator, shape: tuple[int, int, int], latent: int
    ) -> None:
        super().__init__(latent, NONE, shape)
        ups, width = halvings(shape, 4), config.width
        self.start = (width, shape[1] >> ups, shape[2] >> ups)
        units = width * self.start[1] * self.start[2]
        self.project = nn.Linear(latent, units, bias=False)
        self.norm = nn.LayerNorm(units)
        self.act = nn.ELU()
        blocks = [
            SummedBlock(width, width, "up", config.momentum, grow=grow)
            for grow in config.growing(ups, resize_convolution)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(width, shape[0], 3, padding=1)
        initialise(self, "truncated")

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) for latents (N, latent)."""
        x = self.act(self.norm(self.project(z))).view(-1, *self.start)
        return torch.tanh(self.last(self.blocks(x)))


class MemoryResNetDiscriminatorNet(Discriminator):
    """Image → halving blocks down to 8×8 → two plain blocks → 4×4 → mean → score."""

    def __init__(self, config: MemoryResNetDiscriminator, shape: tuple[int, int, int]) -> None:
        super().__init__(NONE, "none")
        width, style, momentum = config.width, config.style, config.momentum
        downs = halvings(shape, min(8, min(shape[1:]) // 2))
        stem = SummedBlock(shape[0], width, "down", momentum, style, normed=style == "batch")
        blocks = [SummedBlock(width, width, "down", momentum, style) for _ in range(downs - 1)]
        blocks += [SummedBlock(width, width, "none", momentum, style) for _ in range(2)]
        outputs = width if config.query is None else config.query
        last: list[nn.Module] = [nn.Conv2d(width, outputs, 4, 2, 1, bias=config.query is not None)]
        if config.query is None:
            last += [SlimNorm(outputs, momentum), _act(style)]
        self.layers = nn.Sequential(stem, *blocks, *last)
        self.head = Head(outputs)
        initialise(self, "truncated")

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return queries of any length (N, M), or the last maps' means (N, width)."""
        return self.layers(x).mean((2, 3))


PRESETS: Presets = {
    # CIFAR-10 (32×32×3, latent 528): 2,024,707 and 2,103,808.
    "cifarM": (MemoryResNetGenerator(), MemoryResNetDiscriminator()),
    # The DCGAN beside it (latent 128): 1,205,507 and 1,316,609.
    "cifarM0": (MemoryResNetGenerator(), MemoryResNetDiscriminator(query=None, style="batch")),
}
"""Networks of this family that papers and benchmarks use, by name."""
