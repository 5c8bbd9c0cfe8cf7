"""Networks that grow from a few pixels to the whole image (Karras et al. 2018, table 2).

Images are base · 2ᵏ pixels along each side. Level 0 is the base, level l has twice the sides of
level l − 1 and min(maps/2^(l+1), max_maps) maps. All blocks are there from the start; a `Growth`
says up to which level they are used, and with which weight α the newest block is heard beside the
image of the level before. Names count from the coarsest level, so that a network for small images
fits into one for larger ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    LabelUse,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import image_shape
from ganvas.networks.levels import Levels
from ganvas.networks.upsampling import Upsampling, resize_convolution
from ganvas.nn import (
    Growth,
    MinibatchDeviation,
    OvershootNoise,
    PixelNorm,
    blend,
    downsample_average,
    equalised,
    initialise,
    upsample_nearest,
    widen,
)

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class _Progressive(Levels):
    """What generator and discriminator have in common.

    Attributes:
        maps: level l has min(maps/2^(l+1), max_maps) of them.
        max_maps: that limit.
        slope: of the leaky rectifiers.
        equalised: weights are N(0, 1) and scaled whenever they are used; else they start scaled.
    """

    kind: Literal["progressive"] = "progressive"
    maps: PositiveInt = 8192
    max_maps: PositiveInt = 512
    slope: Annotated[float, Field(ge=0, lt=1)] = 0.2
    equalised: bool = True

    def widths(self, levels: int) -> list[int]:
        """Return the maps of so many levels, coarsest first."""
        return [min(max(self.maps >> (level + 1), 1), self.max_maps) for level in range(levels)]

    def finish(self, network: nn.Module, *linear: nn.Module) -> None:
        """Initialise all layers: gain √2, but 1 in those whose output is not rectified."""
        for layer in linear:
            if self.equalised:
                equalised(layer, gain=1.0)
            else:
                initialise(layer, "glorot")
        if self.equalised:
            equalised(network)
            return
        for child in network.children():
            if child not in linear:
                initialise(child, "he")


class ProgressiveGenerator(_Progressive, Upsampling, GeneratorSettings):
    """Settings of the generator.

    Attributes:
        pixel_norm: after every convolution, and of the latents.
    """

    pixel_norm: bool = True

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> ProgressiveGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images, or their sides cannot be halved.
        """
        shape = image_shape(domain, "progressive")
        return ProgressiveGeneratorNet(self, shape, latent, conditions)


class ProgressiveDiscriminator(_Progressive, DiscriminatorSettings):
    """Settings of the discriminator.

    Attributes:
        deviation: samples in a group whose standard deviation is told as one more map at the
            coarsest level; 0 for none.
        noise: noise on what each convolution is given, once fakes are taken for real; see
            `OvershootNoise`.
        labels: how labels enter, if there are any; "concat" as constant maps beside the image, and
            those that lie in space at its size.
    """

    deviation: NonNegativeInt = 4
    noise: bool = False
    labels: LabelUse = "auxiliary"

    def build(self, domain: Domain, conditions: Conditions = NONE) -> ProgressiveDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images, or their sides cannot be halved.
        """
        shape = image_shape(domain, "progressive")
        return ProgressiveDiscriminatorNet(self, shape, conditions)


class ProgressiveGeneratorNet(Generator):
    """z [, one-hot labels] → norm → level 0 → blocks, each doubling → 1×1 to an image.

    Conditions that lie in space stand beside the maps of every level, brought to its size.

    Attributes:
        sizes: (height, width) of all levels, coarsest first.
        growth: the level whose images it gives, and their α.
    """

    def __init__(
        self,
        config: ProgressiveGenerator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        self.sizes = config.sizes(shape[1:])
        widths = config.widths(len(self.sizes))

        def convolution(conv: nn.Module) -> list[nn.Module]:
            norm = [PixelNorm()] if config.pixel_norm else []
            return [conv, nn.LeakyReLU(config.slope), *norm]

        # The published 4×4 convolution of a padded pixel.
        told, beside = conditions.vectors.width, conditions.planes
        spread = nn.ConvTranspose2d(latent + told, widths[0], self.sizes[0])
        self.normalise = PixelNorm() if config.pixel_norm else nn.Identity()
        self.first = nn.Sequential(
            *convolution(spread), *convolution(nn.Conv2d(widths[0], widths[0], 3, padding=1))
        )
        growing = config.growing(len(widths) - 1, resize_convolution)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *convolution(grow(few + beside, many, 3)),
                *convolution(nn.Conv2d(many, many, 3, padding=1)),
            )
            for (few, many), grow in zip(pairwise(widths), growing, strict=True)
        )
        self.to_image = nn.ModuleList(nn.Conv2d(width + beside, shape[0], 1) for width in widths)
        self.growth = Growth()
        config.finish(self, self.to_image)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, h, w) of the level, unbounded, for z (N, latent) and labels."""
        level, alpha = self.growth.now
        h = self.first(self.normalise(self.with_vector(z, y))[:, :, None, None])
        before = h = self.beside(h, y)
        for block in self.blocks[:level]:
            before, h = h, self.beside(block(h), y)
        image = self.to_image[level](h)
        if not level or alpha == 1:
            return image
        return blend(upsample_nearest(self.to_image[level - 1](before)), image, alpha)


class ProgressiveDiscriminatorNet(Discriminator):
    """Image → 1×1 → blocks, each halving → deviation, level 0 → score.

    Attributes:
        sizes: (height, width) of all levels, coarsest first.
        growth: the level whose images it judges, and their α.
    """

    from_finest = ()

    def __init__(
        self, config: ProgressiveDiscriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        self.sizes = config.sizes(shape[1:])
        widths = config.widths(len(self.sizes))

        def convolution(conv: nn.Module) -> list[nn.Module]:
            noise = [OvershootNoise()] if config.noise else []
            return [*noise, conv, nn.LeakyReLU(config.slope)]

        self.from_image = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(shape[0] + self.label_maps, width, 1), nn.LeakyReLU(config.slope)
            )
            for width in widths
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *convolution(nn.Conv2d(many, many, 3, padding=1)),
                *convolution(nn.Conv2d(many, few, 3, padding=1)),
            )
            for few, many in pairwise(widths)
        )
        self.deviation = (
            MinibatchDeviation(widths[0], config.deviation) if config.deviation else None
        )
        told = widths[0] + (self.deviation is not None)
        self.last = nn.Sequential(
            *convolution(nn.Conv2d(told, widths[0], 3, padding=1)),
            *convolution(nn.Conv2d(widths[0], widths[0], self.sizes[0])),
            nn.Flatten(),
        )
        self.head = Head(widths[0], self.classes, self.labels)
        self.growth = Growth()
        config.finish(self, self.head)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, maps of level 0) for images (N, C, h, w) of the level."""
        level, alpha = self.growth.now
        x = self.with_label_maps(x, y)
        h = self.from_image[level](x)
        for number in range(level, 0, -1):
            h = downsample_average(self.blocks[number - 1](h))
            if number == level and alpha < 1:
                h = blend(self.from_image[level - 1](downsample_average(x)), h, alpha)
        if self.deviation is not None:
            one = self.deviation(widen(h).flatten(1)).to(h.dtype)
            h = torch.cat([h, one[:, :, None, None].expand(-1, -1, *h.shape[2:])], dim=1)
        return self.last(h)

    def follow(self, score: Tensor) -> None:
        """Let the noise, if there is any, follow a mean score of fakes, 0-d."""
        for layer in self.modules():
            if isinstance(layer, OvershootNoise):
                layer.follow(score)


PRESETS: Presets = {
    # The published networks (1024×1024×3, latent 512): 23,079,115 and 23,087,249.
    "progressive": (ProgressiveGenerator(), ProgressiveDiscriminator()),
}
"""Networks of this family that papers and benchmarks use, by name."""
