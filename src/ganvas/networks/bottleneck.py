"""WGAN-GP's 101-layer bottleneck residual networks (Gulrajani et al. 2017, gan_64x64 of the code).

At 64×64: 33 blocks of three convolutions each, a linear layer at one end and a 1×1 convolution at
the other. Other sizes that halve cleanly down to 4 have more or fewer levels of the same make.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
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
from ganvas.networks.convolutional import Norm, halvings, image_shape, norm
from ganvas.networks.upsampling import Growing, Upsampling, deconvolution, resize_convolution
from ganvas.nn import initialise, sn

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

Resample = Literal["none", "up", "down"]


class _Bottleneck(Settings):
    """What generator and discriminator have in common.

    Attributes:
        width: d; a level has d/2 channels at the full resolution, d at half of it, 2d …
        blocks: residual blocks that keep the size at each level, one less at the finest.
        norm: at the end of each branch.
    """

    kind: Literal["bottleneck"] = "bottleneck"
    width: Annotated[int, Field(ge=4, multiple_of=4)] = 64
    blocks: PositiveInt = 6
    norm: Norm = "batch"

    def channels(self, level: int) -> int:
        """Return the channels of a level; 0 is the full resolution."""
        return self.width * 2**level // 2

    def stage(self, level: int) -> list[nn.Module]:
        """Return the blocks that keep the size at a level."""
        channels = self.channels(level)
        count = self.blocks if level else self.blocks - 1
        return [BottleneckBlock(channels, channels, "none", self.norm) for _ in range(count)]


class BottleneckGenerator(_Bottleneck, Upsampling, GeneratorSettings):
    """Settings of the generator; labels join z as one-hot weights."""

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> BottleneckGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size.
        """
        return BottleneckGeneratorNet(self, image_shape(domain, "bottleneck"), latent, conditions)


class BottleneckDiscriminator(_Bottleneck, DiscriminatorSettings):
    """Settings of the critic.

    Attributes:
        labels: how labels enter, if there are any; "concat" as constant maps beside the image.
        spectral: spectral normalisation of all layers.
    """

    norm: Norm = "layer"
    labels: LabelUse = "projection"
    spectral: bool = False

    def build(self, domain: Domain, conditions: Conditions = NONE) -> BottleneckDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size.
        """
        return BottleneckDiscriminatorNet(self, image_shape(domain, "bottleneck"), conditions)


class BottleneckBlock(nn.Module):
    """shortcut(x) + 0.3 · norm(1×1(ReLU(3×3(ReLU(1×1(ReLU(x))))))).

    The 3×3 convolution resizes, by a stride. The shortcut is then a strided 1×1 convolution, or,
    going up, a 1×1 convolution to four times the channels, which become 2×2 squares of pixels.
    With another up-sampler than the published one, ``grow``, the shortcut's pixels are repeated.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        resample: Resample,
        norm_name: Norm,
        grow: Growing = deconvolution,
    ) -> None:
        super().__init__()
        narrow, slim = inputs // 2, outputs // 2
        self.reduce = nn.Conv2d(inputs, narrow, 1)
        if resample == "up":
            self.mix = grow(narrow, slim, 3)
            self.shortcut = (
                nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 1), nn.PixelShuffle(2))
                if grow is deconvolution
                else resize_convolution(inputs, outputs, 1)
            )
        elif resample == "down":
            self.mix = nn.Conv2d(narrow, slim, 3, 2, padding=1)
            self.shortcut = nn.Conv2d(inputs, outputs, 1, 2)
        else:
            self.mix = nn.Conv2d(narrow, slim, 3, padding=1)
            self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.restore = nn.Conv2d(slim, outputs, 1, bias=False)
        self.norm = norm(norm_name, outputs)
        initialise(self.shortcut, "glorot")
        for conv in (self.reduce, self.mix, self.restore):
            initialise(conv, "glorot", math.sqrt(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, …) at the new size."""
        h = self.mix(F.relu(self.reduce(F.relu(x))))
        return self.shortcut(x) + 0.3 * self.norm(self.restore(F.relu(h)))


class BottleneckGeneratorNet(Generator):
    """z [, labels] → linear → 4×4 blocks → (up, blocks)… → 1×1 → tanh(x/5)."""

    def __init__(
        self,
        config: BottleneckGenerator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        top = halvings(shape, 4)
        self.start = (config.channels(top), shape[1] >> top, shape[2] >> top)
        self.project = nn.Linear(latent + self.classes, math.prod(self.start))
        blocks = config.stage(top)
        growing = config.growing(top, deconvolution)[::-1]  # to each level
        for level in range(top - 1, -1, -1):
            wide, slim = config.channels(level + 1), config.channels(level)
            up = BottleneckBlock(wide, slim, "up", config.norm, growing[level])
            blocks += [up, *config.stage(level)]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(config.channels(0), shape[0], 1)
        initialise(self.project, "glorot")
        initialise(self.last, "glorot")

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, H, W) for z (N, latent) and labels (N,) or (N, K)."""
        x = self.project(self.with_one_hot(z, y)).unflatten(1, self.start)
        return torch.tanh(self.last(self.blocks(x)) / 5)


class BottleneckDiscriminatorNet(Discriminator):
    """Image → 1×1 → blocks → (down, blocks)… → flatten → score/5."""

    def __init__(
        self, config: BottleneckDiscriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        top = halvings(shape, 4)
        self.first = nn.Conv2d(shape[0] + self.label_maps, config.channels(0), 1)
        blocks = config.stage(0)
        for level in range(1, top + 1):
            slim, wide = config.channels(level - 1), config.channels(level)
            blocks += [BottleneckBlock(slim, wide, "down", config.norm), *config.stage(level)]
        self.blocks = nn.Sequential(*blocks)
        units = config.channels(top) * (shape[1] >> top) * (shape[2] >> top)
        self.head = Head(units, self.classes, self.labels, scale=0.2)
        initialise(self.first, "glorot")
        initialise(self.head, "glorot")
        sn(self, config.spectral)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the last maps, flattened."""
        return self.blocks(self.first(self.with_label_maps(x, y))).flatten(1)


PRESETS: Presets = {
    # WGAN-GP's 101-layer networks (64×64×3, latent 128).
    "resnet101": (BottleneckGenerator(), BottleneckDiscriminator(labels="auxiliary")),
}
"""Networks of this family that papers and benchmarks use, by name."""
