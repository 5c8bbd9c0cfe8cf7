"""BigGAN's networks, for images whose sides halve down to a few pixels (Brock et al. 2019, app. B).

Sizes in the paper's tables are 128, 256 and 512 pixels; 32 and 64 are those of the author's later
code. Channels are multiples of a width. Tables 4 to 6 misprint two things, which the parameter
counts of the paper settle: the first layer sees z's first chunk alone, and the discriminator's
first block leads from the image to one width, not from one to two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, model_validator
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
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import Size, image_shape
from ganvas.networks.levels import halvings_of
from ganvas.networks.upsampling import Growing, Upsampling, quick_resize_convolution
from ganvas.nn import (
    AveragedConv2d,
    BatchNorm,
    ConditionalBatchNorm,
    Dropout,
    Init,
    SelfAttention,
    downsample_average,
    initialise,
    lookup,
    one_hot,
    sn,
    upsample_nearest,
)

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

EPS = 1e-4
"""Of batch and spectral norms: the paper raises it from 1e-8 for low precision."""

SMALL = 3
"""Up to so many doublings all levels are equally wide, and D ends at eight pixels."""

WIDTHS = {
    4: (16, 16, 8, 4, 2),
    5: (16, 16, 8, 4, 2, 1),
    6: (16, 16, 8, 8, 4, 2, 1),
    7: (16, 16, 8, 8, 4, 2, 1, 1),
}
"""Multiples of the width in G, coarsest first, by the number of doublings."""

ATTENDED = {4: (3, 1), 5: (4, 1), 6: (5, 2), 7: (4, 3)}
"""After which doubling of G and which halving of D attention stands, by their number."""


def widths_of(doublings: int) -> list[int]:
    """Return multiples of the width at all levels of G, coarsest first."""
    if doublings <= SMALL:
        return [4] * (doublings + 1)
    finest = max(WIDTHS)
    return [*WIDTHS[min(doublings, finest)], *[1] * (doublings - finest)]


class Sized(Settings):
    """What both networks of both families have in common.

    Attributes:
        width: channels are multiples of it (ch).
        multiples: these multiples instead of the tables', in the order in which images pass.
        base: halve the sides as long as the smaller one keeps so many pixels.
        attention: heights of the maps after whose block self-attention stands; null: the tables'.
        spectral: spectral normalisation of all layers but the generator's shared embedding.
        init: how weights start.
    """

    width: PositiveInt = 96
    multiples: tuple[PositiveInt, ...] = ()
    base: PositiveInt = 4
    attention: tuple[PositiveInt, ...] | None = None
    spectral: bool = True
    init: Init = "orthogonal"

    def doublings(self, size: Size) -> int:
        """Return how many there are from the coarsest maps to the image.

        Raises:
            UsageError: the sides cannot be halved.
        """
        count = halvings_of(size, self.base)
        if not count:
            good = [max(2 * self.base, round(side / 4) * 4) for side in size]
            told = str(good[0]) if good[0] == good[1] else f"{good[0]}x{good[1]}"
            raise UsageError(
                f"biggan networks need sides that are {self.base} or more times a power of two "
                f"(28×28 is 7×7 · 4, 128×128 is 4×4 · 32), and {size[0]}×{size[1]} halves to no "
                f"such level: set data.size={told} data.resize=fit-crop"
            )
        return count

    def told(self, usual: list[int], where: str) -> list[int]:
        """Return channels from the usual multiples, or from those that were told.

        Raises:
            UsageError: these are more or fewer.
        """
        if self.multiples and len(self.multiples) != len(usual):
            raise UsageError(
                f"{where}.multiples has {len(self.multiples)} numbers, and images of this size "
                f"need {len(usual)}, such as {usual}: give so many, or leave it out"
            )
        return [self.width * multiple for multiple in self.multiples or usual]

    def attended(self, heights: list[int], usual: int | None, where: str) -> list[bool]:
        """Return after which of the blocks, whose maps have these heights, attention stands.

        Raises:
            UsageError: a height is none of these.
        """
        if self.attention is None:
            return [number == usual for number in range(1, len(heights) + 1)]
        for height in self.attention:
            if height not in heights:
                there = ", ".join(map(str, sorted(set(heights))))
                raise UsageError(
                    f"{where}.attention={height} is no height of its maps; they are {there}"
                )
        return [height in self.attention for height in heights]

    def finish(self, network: nn.Module, shared: nn.Module | None = None) -> None:
        """Initialise all layers, and normalise all but a shared embedding."""
        initialise(network, self.init)
        if self.spectral:
            for layer in network.children():
                if layer is not shared:
                    sn(layer, eps=EPS)


class Conditioned(Sized, Upsampling):
    """What generators of both families have in common.

    Attributes:
        shared: width of one embedding of the conditions, from which all gains and offsets are
            linear; null: a table of gains and one of offsets for each norm.
        skip_z: what of z reaches the blocks, beside the conditions: a chunk for each, all of it
            for each, or nothing; the first layer sees a chunk of its own, or all.
    """

    shared: PositiveInt | None = 128
    skip_z: Literal["chunks", "whole", "none"] = "chunks"

    @model_validator(mode="after")
    def _tables_take_no_latents(self) -> Conditioned:
        if self.shared is None and self.skip_z != "none":
            raise ValueError(
                f"shared=null gives each norm tables of its own, which take no z: set skip_z=none, "
                f"not {self.skip_z}"
            )
        return self


class BigGANGenerator(Conditioned, GeneratorSettings):
    """Settings of the generator."""

    kind: Literal["biggan"] = "biggan"

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> BigGANGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size, or z does not cut into chunks.
        """
        shape = image_shape(domain, "biggan")
        return BigGANGeneratorNet(self, shape, latent, conditions)


class Judging(Sized):
    """What discriminators of both families have in common.

    Attributes:
        labels: how conditions enter, if there are any.
        dropout: share of the last features that is left out in training.
    """

    labels: LabelUse = "projection"
    dropout: float = Field(default=0.0, ge=0, lt=1)


class BigGANDiscriminator(Judging, DiscriminatorSettings):
    """Settings of the discriminator.

    Attributes:
        plain: blocks at the end that do not halve; null: the tables' (one; two where D ends at
            eight pixels).
    """

    kind: Literal["biggan"] = "biggan"
    plain: int | None = Field(default=None, ge=0)

    def build(self, domain: Domain, conditions: Conditions = NONE) -> BigGANDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size.
        """
        return BigGANDiscriminatorNet(self, image_shape(domain, "biggan"), conditions)

    def plan(self, size: Size) -> tuple[list[int], int]:
        """Return the multiples of all blocks, and how many of them halve."""
        doublings = self.doublings(size)
        halving = doublings
        if doublings <= SMALL:
            halving = max(1, sum(min(size) >> count > 8 for count in range(doublings)))
        plain = self.plain
        if plain is None:
            plain = 2 if doublings <= SMALL else 1
        if doublings <= SMALL:
            usual = [4] * halving
        elif doublings == SMALL + 1:
            usual = [1, 2, 4, 8]
        else:
            usual = widths_of(doublings)[:0:-1]
        last = 16 if doublings > SMALL else 4
        return [*usual, *[last] * plain], halving


class GivenNorm(nn.Module):
    """A batch norm under a condition v, or a plain one with a gain and offset of its own.

    Args:
        channels: of the maps.
        features: width of v; 0 for none.
        classes: of tables of its own in place of v.
    """

    def __init__(self, channels: int, features: int = 0, classes: int = 0) -> None:
        super().__init__()
        self.plain = not (features or classes)
        self.norm = (
            BatchNorm(channels, eps=EPS)
            if self.plain
            else ConditionalBatchNorm(channels, features=features, classes=classes, eps=EPS)
        )

    def forward(self, x: Tensor, v: Tensor | None) -> Tensor:
        """Return maps (N, C, H, W) normalised under v."""
        return self.norm(x) if self.plain else cast(ConditionalBatchNorm, self.norm)(x, v)


NormOf = Callable[[int], GivenNorm]


class UpBlock(nn.Module):
    """Norm, ReLU, doubling, conv3×3, norm, ReLU, conv3×3, beside doubling and conv1×1.

    Args:
        inputs, outputs: channels.
        norm: gives norms of so many channels.
        grow: makes the first convolution, with the doubling before it.
    """

    def __init__(self, inputs: int, outputs: int, norm: NormOf, grow: Growing) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inputs), norm(outputs)
        self.conv1 = grow(inputs, outputs, 3)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, v: Tensor | None) -> Tensor:
        """Return (N, outputs, 2H, 2W) for (N, inputs, H, W)."""
        h = self.conv1(F.relu(self.norm1(x, v)))
        h = self.conv2(F.relu(self.norm2(h, v)))
        return h + upsample_nearest(self.shortcut(x))  # a 1×1 convolution commutes with doubling


class DownBlock(nn.Module):
    """ReLU (not first), conv3×3, ReLU, conv3×3, halving, beside conv1×1 if needed, halving.

    Args:
        inputs, outputs: channels; the first convolution has ``outputs`` already.
        halves: whether maps are halved.
        first: the block that sees the image: without its first ReLU.
    """

    def __init__(self, inputs: int, outputs: int, halves: bool, first: bool) -> None:
        super().__init__()
        self.halves, self.first = halves, first
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = (
            AveragedConv2d(outputs, outputs)
            if halves
            else nn.Conv2d(outputs, outputs, 3, padding=1)
        )
        changes = halves or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, …) at the new size."""
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        # A 1×1 convolution commutes with means: the smaller size is cheaper.
        return h + self.shortcut(downsample_average(x) if self.halves else x)


class SkipGenerator(Generator):
    """z and conditions → linear → blocks → norm, ReLU, conv3×3, tanh: what both families share.

    Attributes:
        embedding: the shared table of classes, or linear map of numbers, if there is one.
        project: the first layer, to maps of the shape ``start``.
        blocks, attention: in turn, each block given what `split` says.
        last_norm, last: to the image.
    """

    bounded = True

    embedding: nn.Embedding | None
    start: tuple[int, int, int]
    project: nn.Linear
    blocks: nn.ModuleList
    attention: nn.ModuleList
    last_norm: BatchNorm
    last: nn.Conv2d

    def __init__(
        self,
        config: Conditioned,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
        doublings: int,
        blocks: int,
    ) -> None:
        super().__init__(latent, conditions, shape)
        classes = self.classes
        self.skip_z, self.parts = config.skip_z, 1 + blocks
        if config.skip_z == "chunks" and latent % self.parts:
            least, chunk = self.parts, max(round(latent / self.parts), 1)
            raise UsageError(
                f"game.latent.dim={latent} does not cut into {least} equal chunks, one for the "
                f"first layer and for each of {blocks} blocks: set game.latent.dim={chunk * least}"
            )
        self.chunk = latent // self.parts if config.skip_z == "chunks" else latent
        shared = config.shared if classes else None
        self.embedding = nn.Embedding(classes, shared) if shared else None
        self.tables = 0 if shared else conditions.classes
        self.told = shared or classes - self.tables
        self.size = (shape[1] >> doublings, shape[2] >> doublings)

    def norm(self, channels: int) -> GivenNorm:
        """Return a norm under what a block is given."""
        skipped = 0 if self.skip_z == "none" else self.chunk
        features = 0 if self.tables else self.told + skipped
        return GivenNorm(channels, features, self.tables)

    def embed(self, y: Given) -> Tensor | None:
        """Return conditions as blocks are given them: c (N, shared), rows, or labels for tables.

        Raises:
            UsageError: the network needs labels, and there are none.
        """
        if not self.classes:
            return None
        told = self.flat(y)
        if self.embedding is not None:
            return lookup(self.embedding.weight, told)
        return told if self.tables else one_hot(told, self.classes)

    def split(self, z: Tensor, c: Tensor | None) -> list[Any]:
        """Return what the first layer is given, and then each block: z and conditions."""
        if self.skip_z == "none":
            return [z, *[c] * (self.parts - 1)]
        chunks = z.chunk(self.parts, 1) if self.skip_z == "chunks" else [z] * self.parts
        if c is None:
            return list(chunks)
        joined = [torch.cat([c, chunk], 1) for chunk in chunks]
        return [chunks[0] if self.skip_z == "chunks" else joined[0], *joined[1:]]

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, H, W) for z (N, latent) and labels (N,) or (N, K)."""
        return self.synthesise(z, self.embed(y))

    def synthesise(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) for z (N, latent) and conditions as `embed` gives them."""
        first, *given = self.split(z, c)
        h = self.project(first).unflatten(1, self.start)
        for block, attend, v in zip(self.blocks, self.attention, given, strict=True):
            h = attend(block(h, v))
        return torch.tanh(self.last(F.relu(self.last_norm(h))))


class BigGANGeneratorNet(SkipGenerator):
    """A chunk of z → linear → up blocks, given the others and c → image."""

    def __init__(
        self,
        config: BigGANGenerator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        doublings = config.doublings(shape[1:])
        super().__init__(config, shape, latent, conditions, doublings, doublings)
        widths = config.told(widths_of(doublings), "game.generator")
        heights = [self.size[0] << level for level in range(1, doublings + 1)]
        attended = config.attended(heights, ATTENDED.get(doublings, (0, 0))[0], "game.generator")
        growing = config.growing(doublings, quick_resize_convolution)
        first = self.chunk + (self.told if config.skip_z == "whole" else 0)
        self.start = (widths[0], *self.size)
        self.project = nn.Linear(first, math.prod(self.start))
        self.blocks = nn.ModuleList(
            UpBlock(inputs, outputs, self.norm, grow)
            for (inputs, outputs), grow in zip(pairwise(widths), growing, strict=True)
        )
        self.attention = nn.ModuleList(
            SelfAttention(width) if there else nn.Identity()
            for width, there in zip(widths[1:], attended, strict=True)
        )
        self.last_norm = BatchNorm(widths[-1], eps=EPS)
        self.last = nn.Conv2d(widths[-1], shape[0], 3, padding=1)
        config.finish(self, self.embedding)


class SummedDiscriminator(Discriminator):
    """Blocks → ReLU → sum over all places → score: what both families share."""

    blocks: nn.ModuleList
    attention: nn.ModuleList

    def __init__(self, config: Judging, conditions: Conditions) -> None:
        super().__init__(conditions, config.labels)
        if self.labels == "concat":
            raise UsageError(
                "a biggan discriminator takes no labels beside the image: set "
                "game.discriminator.labels=projection or auxiliary"
            )
        self.dropout = Dropout(config.dropout)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, F), the rectified last maps summed over their places."""
        for block, attend in zip(self.blocks, self.attention, strict=True):
            x = attend(block(x))
        return self.dropout(F.relu(x).sum((2, 3)))


class BigGANDiscriminatorNet(SummedDiscriminator):
    """Image → down blocks → plain blocks → sum → score."""

    def __init__(
        self, config: BigGANDiscriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(config, conditions)
        size = shape[1:]
        usual, halving = config.plan(size)
        widths = config.told(usual, "game.discriminator")
        heights = [size[0] >> min(number, halving) for number in range(1, len(widths) + 1)]
        at = ATTENDED.get(config.doublings(size), (0, 0))[1]
        attended = config.attended(heights[:halving], at, "game.discriminator")
        self.blocks = nn.ModuleList(
            DownBlock(inputs, outputs, number < halving, not number)
            for number, (inputs, outputs) in enumerate(pairwise([shape[0], *widths]))
        )
        self.attention = nn.ModuleList(
            SelfAttention(width) if number < halving and attended[number] else nn.Identity()
            for number, width in enumerate(widths)
        )
        self.head = Head(widths[-1], self.classes, self.labels)
        config.finish(self)


PRESETS: Presets = {
    # ImageNet: 70,433,988 and 87,982,370 (128×128×3, latent 120), 82,097,604 and 99,225,890
    # (256×256×3, latent 140), 82,468,068 and 99,401,282 (512×512×3, latent 160).
    "biggan": (BigGANGenerator(), BigGANDiscriminator()),
}
"""Networks of this family that papers and benchmarks use, by name."""
