"""Residual networks of WGAN-GP and SN-GAN, for images whose sides halve cleanly down to 4.

Sources: Gulrajani et al. 2017 (appendix F and the "good" 64×64 network of the code); Miyato et
al. 2018; Miyato & Koyama 2018. Both families are one: pre-activation blocks that double the size
by nearest neighbours before their first convolution, or halve it by 2×2 averages after their
second. A 1×1 convolution commutes with both, so shortcuts are computed at the smaller size.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    LabelUse,
    Presets,
    labels_of,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import Norm, halvings, image_shape, norm, normalise
from ganvas.networks.upsampling import Growing, Upsampling, resize_convolution
from ganvas.nn import downsample_average, initialise, lipschitz, lookup, sn, upsample_nearest

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

Resample = Literal["none", "up", "down"]
Pool = Literal["sum", "mean", "flatten"]


class _Residual(Settings):
    """What generator and discriminator have in common.

    Attributes:
        width: channels at the full resolution (generator) or of the first block (discriminator).
        growth: whether each coarser level has as many channels, or twice as many.
        max_width: limit of the doubling.
        widths: channels of every level instead, in the order in which data pass through.
        first_bias: whether the first convolution of a block has a bias.
    """

    kind: Literal["resnet"] = "resnet"
    width: PositiveInt = 128
    growth: Literal["constant", "double"] = "constant"
    max_width: PositiveInt = 1024
    widths: tuple[PositiveInt, ...] = ()
    first_bias: bool = True

    def channels(self, levels: int) -> list[int]:
        """Return the channels of so many levels, from ``width`` to coarser ones."""
        if self.growth == "constant":
            return [self.width] * levels
        return [min(self.width * 2**level, self.max_width) for level in range(levels)]

    def given(self, levels: int) -> list[int]:
        """Return ``widths``, of which the image needs so many.

        Raises:
            UsageError: there are more or fewer.
        """
        if len(self.widths) != levels:
            raise UsageError(
                f"This resnet needs {levels} widths for its image size, not {len(self.widths)}: "
                "correct widths, or leave it out and set width."
            )
        return list(self.widths)


class ResNetGenerator(_Residual, Upsampling, GeneratorSettings):
    """Settings of the generator: 4×4, then one block for each doubling.

    Attributes:
        norm: of the blocks. Batch norms in blocks are conditional on labels, if there are any.
        spectral: spectral normalisation of all layers.
    """

    norm: Literal["batch", "none"] = "batch"
    spectral: bool = False

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> ResNetGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size, or have labels that a network
                without batch norm cannot use.
        """
        if conditions.vectors and self.norm != "batch":
            raise UsageError("A resnet generator takes labels through batch norm: set norm: batch.")
        return ResNetGeneratorNet(self, image_shape(domain, "resnet"), latent, conditions)


class ResNetDiscriminator(_Residual, DiscriminatorSettings):
    """Settings of the discriminator, or critic.

    Attributes:
        stem: the layer next to the image: a residual block that halves, or a convolution.
        bottom: smaller side of the coarsest maps.
        plain: residual blocks at that size.
        norm: normalisation in the blocks (not in the stem).
        pool: how the last maps become features: rectified and summed or averaged over space, or
            just flattened.
        head_bias: whether the score has a bias.
        labels: how labels enter, if there are any; "concat" as an embedding beside the maps after
            the third block, and conditions that lie in space beside the image.
        embedding: width of that embedding.
        spectral: spectral normalisation of all layers.
    """

    stem: Literal["block", "conv"] = "block"
    bottom: Literal[2, 4, 8, 16] = 8
    plain: NonNegativeInt = 2
    norm: Norm = "none"
    pool: Pool = "sum"
    head_bias: bool = True
    labels: LabelUse = "projection"
    embedding: PositiveInt = 128
    spectral: bool = False

    def build(self, domain: Domain, conditions: Conditions = NONE) -> ResNetDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size.
        """
        return ResNetDiscriminatorNet(self, image_shape(domain, "resnet"), conditions)


class ResidualBlock(nn.Module):
    """x + branch(x), the branch being [norm] ReLU conv3×3 [norm] ReLU conv3×3.

    A 1×1 convolution stands in the shortcut where channels or size change.

    Args:
        inputs, outputs: channels; ``outputs`` of them between the convolutions where the block
            doubles or sees the image, else ``inputs``.
        resample: doubling before the first convolution, or halving after the second.
        norm_name: normalisation.
        conditions: of conditional batch norms.
        planes: of conditions that lie in space, which stand beside x.
        first_bias: whether the first convolution has a bias.
        raw: leave out the first norm and ReLU: the block that sees the image.
        grow: what doubles together with the first convolution; the shortcut's pixels are repeated.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        resample: Resample,
        *,
        norm_name: Norm = "none",
        conditions: Conditions = NONE,
        planes: int = 0,
        first_bias: bool = True,
        raw: bool = False,
        grow: Growing = resize_convolution,
    ) -> None:
        super().__init__()
        changes = inputs != outputs or resample != "none"
        self.resample: Resample = resample
        self.raw = raw
        hidden = outputs if raw or resample == "up" else inputs
        inputs = inputs + planes
        self.norm1 = norm("none" if raw else norm_name, inputs, conditions)
        self.conv1 = (
            grow(inputs, hidden, 3, bias=first_bias)
            if resample == "up"
            else nn.Conv2d(inputs, hidden, 3, padding=1, bias=first_bias)
        )
        self.norm2 = norm(norm_name, hidden, conditions)
        self.conv2 = nn.Conv2d(hidden, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if changes or planes else None
        # Both codes: gain √2 in the branch, 1 in the shortcut and outside of blocks.
        for conv in (self.conv1, self.conv2):
            initialise(conv, "glorot", math.sqrt(2))
        if self.shortcut is not None:
            initialise(self.shortcut, "glorot")

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return (N, outputs, …) at the new size; labels reach conditional norms."""
        h = x if self.raw else F.relu(normalise(self.norm1, x, y))
        h = self.conv1(h)
        h = self.conv2(F.relu(normalise(self.norm2, h, y)))
        if self.resample == "down":
            h, x = downsample_average(h), downsample_average(x)
        if self.shortcut is not None:
            x = self.shortcut(x)
        return h + (upsample_nearest(x) if self.resample == "up" else x)

    def lipschitz(self) -> float:
        """Return the sum of the bounds of branch and shortcut.

        Doubling repeats each pixel four times (norm 2), and averages of four halve the norm.
        """
        halved = 0.5 if self.resample == "down" else 1.0
        parts = (self.norm1, self.conv1, self.norm2, self.conv2)
        shortcut = 1.0 if self.shortcut is None else lipschitz(self.shortcut)
        doubled = 2.0 if self.resample == "up" else 1.0
        return halved * (math.prod(map(lipschitz, parts)) + doubled * shortcut)


class ResNetGeneratorNet(Generator):
    """z → linear → 4×4 → up blocks → BN ReLU conv tanh."""

    bounded = True

    def __init__(
        self,
        config: ResNetGenerator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        planes = conditions.planes
        ups = halvings(shape, 4)
        widths = config.given(ups + 1) if config.widths else config.channels(ups + 1)[::-1]
        self.start = (widths[0], shape[1] >> ups, shape[2] >> ups)
        self.project = nn.Linear(latent, math.prod(self.start))
        growing = config.growing(ups, resize_convolution)
        self.blocks = nn.ModuleList(
            ResidualBlock(
                inputs,
                outputs,
                "up",
                norm_name=config.norm,
                conditions=conditions.vectors,
                planes=planes,
                first_bias=config.first_bias,
                grow=grow,
            )
            for (inputs, outputs), grow in zip(pairwise(widths), growing, strict=True)
        )
        self.norm = norm(config.norm, widths[-1])
        self.last = nn.Conv2d(widths[-1] + planes, shape[0], 3, padding=1)
        initialise(self.project, "glorot")
        initialise(self.last, "glorot")
        sn(self, config.spectral)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, H, W) for z (N, latent) and conditions, such as labels (N,)."""
        label = self.vector(y)
        x = self.project(z).unflatten(1, self.start)
        for block in self.blocks:
            x = block(self.beside(x, y), label)
        return torch.tanh(self.last(self.beside(F.relu(self.norm(x)), y)))


class ResNetDiscriminatorNet(Discriminator):
    """Image → stem → down blocks → plain blocks → pool → score."""

    def __init__(
        self, config: ResNetDiscriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        concatenated = self.labels == "concat"
        seen = shape[0] + concatenated * conditions.planes
        stemmed = config.stem == "conv"
        downs = halvings(shape, min(config.bottom, min(shape[1:]) // 2))
        levels = downs + stemmed
        widths = config.given(levels) if config.widths else config.channels(levels)
        self.stem = nn.Conv2d(seen, widths[0], 3, padding=1) if stemmed else nn.Identity()
        # (inputs, outputs, resampling) of each block
        plan: list[tuple[int, int, Resample]] = []
        if not stemmed:
            plan.append((seen, widths[0], "down"))
        plan.extend((wide, wider, "down") for wide, wider in pairwise(widths))
        plan.extend((widths[-1], widths[-1], "none") for _ in range(config.plain))
        self.embedding, self.embedded_before = None, min(3, len(plan) - 1)
        if concatenated and conditions.vectors:
            self.embedding = nn.Embedding(conditions.vectors.width, config.embedding)
            inputs, outputs, resample = plan[self.embedded_before]
            plan[self.embedded_before] = (inputs + config.embedding, outputs, resample)
        self.blocks = nn.ModuleList(
            ResidualBlock(
                inputs,
                outputs,
                resample,
                norm_name=config.norm if index or stemmed else "none",
                first_bias=config.first_bias,
                raw=not (index or stemmed),
            )
            for index, (inputs, outputs, resample) in enumerate(plan)
        )
        self.pool: Pool = config.pool
        self.area = (shape[1] >> downs) * (shape[2] >> downs)
        width = widths[-1] * (self.area if config.pool == "flatten" else 1)
        self.head = Head(width, self.classes, self.labels, bias=config.head_bias)
        initialise(self.stem, "glorot")
        initialise(self.head, "glorot")
        sn(self, config.spectral)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, F), the pooled last maps."""
        x = self.stem(self.beside(x, y) if self.labels == "concat" else x)
        for index, block in enumerate(self.blocks):
            if self.embedding is not None and index == self.embedded_before:
                label = labels_of(self.vector(y), self.conditions.vectors.width)
                rows = lookup(self.embedding.weight, label)
                maps = rows[:, :, None, None].expand(-1, -1, *x.shape[2:])
                x = torch.cat([x, maps], dim=1)
            x = block(x)
        match self.pool:
            case "sum":
                return F.relu(x).sum((2, 3))
            case "mean":
                return F.relu(x).mean((2, 3))
            case "flatten":
                return x.flatten(1)

    def lipschitz(self) -> float:
        """Return the product of the bounds of stem, blocks, pooling and score."""
        pooled = {"sum": self.area**0.5, "mean": self.area**-0.5, "flatten": 1.0}[self.pool]
        blocks = math.prod(lipschitz(block) for block in self.blocks)
        return lipschitz(self.stem) * blocks * pooled * lipschitz(self.head)


PRESETS: Presets = {
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
}
"""Networks of this family that papers and benchmarks use, by name."""
