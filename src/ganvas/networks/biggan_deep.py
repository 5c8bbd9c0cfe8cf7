"""BigGAN-deep's networks: bottlenecks whose shortcuts keep what they are given (appendix B).

There are two blocks at each size. Shortcuts of the generator drop channels, those of the
discriminator add some, and neither changes the others.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.networks.base import DiscriminatorSettings, GeneratorSettings, Head, Presets
from ganvas.networks.biggan import (
    EPS,
    Conditioned,
    Judging,
    NormOf,
    SkipGenerator,
    SummedDiscriminator,
    widths_of,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import image_shape
from ganvas.networks.upsampling import Growing, quick_resize_convolution
from ganvas.nn import (
    BatchNorm,
    SelfAttention,
    StoredStatistics,
    downsample_average,
    upsample_nearest,
)

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

ATTENDED = {4: (3, 1), 5: (4, 1), 6: (4, 2), 7: (4, 3)}
"""After which doubling of G and which halving of D attention stands, by their number."""

NARROW = 4
"""Hidden channels are a quarter of those at the wider end."""


class BigGANDeepGenerator(Conditioned, GeneratorSettings):
    """Settings of the generator.

    Attributes:
        stored: sets of statistics for batch norms, of latents scaled by 0 to 1, which released
            models carry along; 0 for none.
    """

    kind: Literal["biggan_deep"] = "biggan_deep"
    width: PositiveInt = 128
    skip_z: Literal["chunks", "whole", "none"] = "whole"
    stored: int = Field(default=0, ge=0)

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> BigGANDeepGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size, or z does not cut into chunks.
        """
        shape = image_shape(domain, "biggan_deep")
        return BigGANDeepGeneratorNet(self, shape, latent, conditions)


class BigGANDeepDiscriminator(Judging, DiscriminatorSettings):
    """Settings of the discriminator, an exact reflection of the generator."""

    kind: Literal["biggan_deep"] = "biggan_deep"
    width: PositiveInt = 128

    def build(self, domain: Domain, conditions: Conditions = NONE) -> BigGANDeepDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images of a fitting size.
        """
        shape = image_shape(domain, "biggan_deep")
        return BigGANDeepDiscriminatorNet(self, shape, conditions)


class DeepUpBlock(nn.Module):
    """Four norms and convolutions (1×1, 3×3, 3×3, 1×1), beside the first channels of the input.

    Args:
        inputs, outputs: channels, of which the shortcut drops the last ones.
        norm: gives norms of so many channels.
        grow: makes the first 3×3 convolution, with a doubling before it; None: maps keep their
            size.
    """

    def __init__(self, inputs: int, outputs: int, norm: NormOf, grow: Growing | None) -> None:
        super().__init__()
        self.outputs, self.doubles = outputs, grow is not None
        hidden = max(inputs // NARROW, 1)
        self.norms = nn.ModuleList(norm(width) for width in (inputs, hidden, hidden, hidden))
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(inputs, hidden, 1),
                grow(hidden, hidden, 3) if grow else nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.Conv2d(hidden, outputs, 1),
            ]
        )

    def forward(self, x: Tensor, v: Tensor | None) -> Tensor:
        """Return (N, outputs, …) at the new size."""
        h = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = conv(F.relu(norm(h, v)))
        kept = x[:, : self.outputs]
        return h + (upsample_nearest(kept) if self.doubles else kept)


class DeepDownBlock(nn.Module):
    """Four ReLUs and convolutions (1×1, 3×3, 3×3, 1×1), beside the input and further channels.

    Args:
        inputs, outputs: channels; those that are new come from a 1×1 convolution of the input.
        halves: whether maps are halved, before the last convolution.
    """

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        hidden = max(outputs // NARROW, 1)
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(inputs, hidden, 1),
                nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.Conv2d(hidden, hidden, 3, padding=1),
            ]
        )
        self.last = nn.Conv2d(hidden, outputs, 1)
        self.further = nn.Conv2d(inputs, outputs - inputs, 1) if outputs > inputs else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, …) at the new size."""
        h = x
        for conv in self.convs:
            h = conv(F.relu(h))
        h = F.relu(h)
        if self.halves:
            h, x = downsample_average(h), downsample_average(x)
        kept = x if self.further is None else torch.cat([x, self.further(x)], 1)
        return self.last(h) + kept


class BigGANDeepGeneratorNet(SkipGenerator):
    """z and c → linear → for each size a plain and an up block → image."""

    def __init__(
        self,
        config: BigGANDeepGenerator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        doublings = config.doublings(shape[1:])
        super().__init__(config, shape, latent, conditions, doublings, 2 * doublings)
        widths = config.told(widths_of(doublings), "game.generator")
        heights = [self.size[0] << level for level in range(1, doublings + 1)]
        at = ATTENDED.get(doublings, (0, 0))[0]
        attended = config.attended(heights, at, "game.generator")
        first = self.chunk + (self.told if config.skip_z == "whole" else 0)
        self.start = (widths[0], *self.size)
        self.project = nn.Linear(first, math.prod(self.start))
        blocks, attention = list[nn.Module](), list[nn.Module]()
        growing = config.growing(doublings, quick_resize_convolution)
        for (inputs, outputs), grow, there in zip(pairwise(widths), growing, attended, strict=True):
            blocks.append(DeepUpBlock(inputs, inputs, self.norm, None))
            blocks.append(DeepUpBlock(inputs, outputs, self.norm, grow))
            attention.append(nn.Identity())
            attention.append(SelfAttention(outputs) if there else nn.Identity())
        self.blocks, self.attention = nn.ModuleList(blocks), nn.ModuleList(attention)
        self.last_norm = BatchNorm(widths[-1], eps=EPS)
        self.last = nn.Conv2d(widths[-1], shape[0], 3, padding=1)
        config.finish(self, self.embedding)
        self.stored = StoredStatistics(self, config.stored) if config.stored else None


class BigGANDeepDiscriminatorNet(SummedDiscriminator):
    """Image → conv3×3 → for each size a down and a plain block → sum → score."""

    def __init__(
        self, config: BigGANDeepDiscriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(config, conditions)
        doublings = config.doublings(shape[1:])
        widths = config.told(widths_of(doublings)[::-1], "game.discriminator")
        heights = [shape[1] >> number for number in range(1, doublings + 1)]
        at = ATTENDED.get(doublings, (0, 0))[1]
        attended = config.attended(heights, at, "game.discriminator")
        self.stem = nn.Conv2d(shape[0], widths[0], 3, padding=1)
        blocks, attention = list[nn.Module](), list[nn.Module]()
        for (inputs, outputs), there in zip(pairwise(widths), attended, strict=True):
            blocks.append(DeepDownBlock(inputs, outputs, True))
            blocks.append(DeepDownBlock(outputs, outputs, False))
            attention.append(nn.Identity())
            attention.append(SelfAttention(outputs) if there else nn.Identity())
        self.blocks, self.attention = nn.ModuleList(blocks), nn.ModuleList(attention)
        self.head = Head(widths[-1], self.classes, self.labels)
        config.finish(self)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, F), the rectified last maps summed over their places."""
        return super().features(self.stem(x), y)


PRESETS: Presets = {
    # ImageNet, latent 128: 50,244,484 and 34,590,210 (128×128×3), 55,736,708 and 38,247,426
    # (256×256×3), 56,019,780 and 38,301,122 (512×512×3).
    "biggan_deep": (BigGANDeepGenerator(), BigGANDeepDiscriminator()),
}
"""Networks of this family that papers and benchmarks use, by name."""
