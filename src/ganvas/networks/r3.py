"""Residual networks without normalisation in the manner of R3GAN, for images of any size.

Source: Huang et al. 2024 (R3GAN), at any width ("smR" of the mode-coverage benchmark). Images
live on a grid whose sides are start · 2^k with start = ⌈side/2^k⌉; k is the number of halvings
after which the smaller side is at most ``base``. The generator crops the middle of its grid, the
discriminator pads images with zeros to it (28×28: 4·2³ = 32, of which 28 are kept).

Initialisation: every weight is N(0, gain²/fan_in). Before a leaky rectifier of slope a in one of
L residual blocks of m = 3 convolutions, gain = √(2/(1 + a²)) · L^(−1/(2m − 2)), so that the sum
of all branches keeps the variance of one (Zhang et al. 2019); the last convolution of a block
starts at 0; elsewhere gain = 1.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
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
from ganvas.networks.convolutional import Size, image_shape, ladder
from ganvas.networks.upsampling import Growing, Upsampling
from ganvas.nn import BilinearDown, BilinearUp, initialise, lipschitz, lookup

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class _R3(Settings):
    """What generator and discriminator have in common.

    Attributes:
        width: channels of all levels, or of each level from the coarsest to the finest.
        blocks: residual blocks at each level.
        group_width: channels of each group of the 3×3 convolutions.
        expansion: factor of channels inside a block.
        slope: of the leaky rectifiers.
        base: halve until the smaller side is at most this.
        stages: number k of halvings instead.
    """

    kind: Literal["r3"] = "r3"
    width: PositiveInt | tuple[PositiveInt, ...] = 128
    blocks: PositiveInt = 2
    group_width: PositiveInt = 16
    expansion: PositiveInt = 2
    slope: Annotated[float, Field(ge=0, lt=1)] = 0.2
    base: PositiveInt = 4
    stages: NonNegativeInt | None = None

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        for width in [self.width] if isinstance(self.width, int) else self.width:
            if width * self.expansion % self.group_width:
                raise ValueError(
                    f"width {width} × expansion {self.expansion} is not a multiple of "
                    f"group_width {self.group_width}"
                )
        return self

    def start(self, size: Size) -> tuple[Size, list[int]]:
        """Return the coarsest size and the channels of all levels, coarsest first.

        Raises:
            UsageError: ``width`` lists more or fewer levels than the image has.
        """
        sizes = ladder(size, 31)
        stages = self.stages
        if stages is None:
            stages = next(k for k in range(32) if min(sizes[k]) <= self.base)
        if isinstance(self.width, int):
            return sizes[stages], [self.width] * (stages + 1)
        if len(self.width) != stages + 1:
            raise UsageError(
                f"An r3 network for {size[0]}×{size[1]} images has {stages + 1} levels, but width "
                f"lists {len(self.width)}: correct the list, or give one width for all."
            )
        return sizes[stages], list(self.width)

    def residual(self, channels: int, levels: int) -> nn.Sequential:
        """Return the residual blocks of one of ``levels`` levels."""
        return nn.Sequential(*(R3Block(channels, self, levels) for _ in range(self.blocks)))


class R3Generator(_R3, Upsampling, GeneratorSettings):
    """Settings of the generator.

    Attributes:
        embedding: width of the label embedding that joins z.
    """

    embedding: PositiveInt = 64

    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> R3GeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images, or ``width`` does not fit them.
        """
        return R3GeneratorNet(self, image_shape(domain, "r3"), latent, conditions)


class R3Discriminator(_R3, DiscriminatorSettings):
    """Settings of the discriminator.

    Attributes:
        labels: how labels enter, if there are any; "concat" as constant maps beside the image.
    """

    labels: LabelUse = "projection"

    def build(self, domain: Domain, conditions: Conditions = NONE) -> R3DiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images, or ``width`` does not fit them.
        """
        return R3DiscriminatorNet(self, image_shape(domain, "r3"), conditions)


class R3Block(nn.Module):
    """x + conv1×1(act(grouped conv3×3(act(conv1×1(x))))), wider inside."""

    def __init__(self, channels: int, config: _R3, levels: int) -> None:
        super().__init__()
        inner = channels * config.expansion
        gain = math.sqrt(2 / (1 + config.slope**2)) * (levels * config.blocks) ** -0.25
        self.slope = config.slope
        self.expand = _conv(channels, inner, 1, gain=gain, bias=True)
        self.mix = _conv(inner, inner, 3, gain=gain, bias=True, groups=inner // config.group_width)
        self.contract = _conv(inner, channels, 1, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        h = F.leaky_relu(self.expand(x), self.slope)
        h = F.leaky_relu(self.mix(h), self.slope)
        return x + self.contract(h)

    def lipschitz(self) -> float:
        """Return 1 plus the bound of the branch."""
        return 1 + math.prod(lipschitz(part) for part in (self.expand, self.mix, self.contract))


class R3GeneratorNet(Generator):
    """z [, label embedding] → basis ⊙ linear → levels, each doubled bilinearly → 1×1 → crop."""

    def __init__(
        self,
        config: R3Generator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        classes = self.classes
        start, widths = config.start(shape[1:])
        self.embedding = nn.Embedding(classes, config.embedding) if classes else None
        self.weigh = _linear(latent + (config.embedding if classes else 0), widths[0])
        self.basis = nn.Parameter(torch.randn(widths[0], *start))
        levels: list[nn.Module] = [config.residual(widths[0], len(widths))]
        growing = config.growing(len(widths) - 1, _published)
        for (narrow, wide), grow in zip(pairwise(widths), growing, strict=True):
            levels += [*_doubling(narrow, wide, grow), config.residual(wide, len(widths))]
        self.levels = nn.Sequential(*levels)
        self.last = _conv(widths[-1], shape[0], 1)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, H, W), unbounded, for z (N, latent) and labels (N,) or (N, K)."""
        if self.embedding is not None:
            rows = lookup(self.embedding.weight, self.flat(y))
            z = torch.cat([z, rows], dim=1)
        x = self.last(self.levels(self.basis * self.weigh(z)[:, :, None, None]))
        _, height, width = self.shape
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        return x[:, :, top : top + height, left : left + width]


class R3DiscriminatorNet(Discriminator):
    """Pad → 1×1 → levels, each halved bilinearly → depthwise conv over all of it → score."""

    def __init__(
        self, config: R3Discriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        start, widths = config.start(shape[1:])
        doublings = len(widths) - 1
        rows = (start[0] << doublings) - shape[1]
        columns = (start[1] << doublings) - shape[2]
        self.padding = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        self.first = _conv(shape[0] + self.label_maps, widths[-1], 1)
        levels: list[nn.Module] = [config.residual(widths[-1], len(widths))]
        for wide, narrow in pairwise(widths[::-1]):
            levels += [BilinearDown(), _change(wide, narrow), config.residual(narrow, len(widths))]
        self.levels = nn.Sequential(*levels)
        self.basis = _conv(widths[0], widths[0], start, groups=widths[0])
        self.head = Head(widths[0], self.classes, self.labels, bias=False)
        nn.init.normal_(self.head.score.weight, std=widths[0] ** -0.5)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, channels of the coarsest level)."""
        if any(self.padding):
            x = F.pad(x, self.padding)
        x = self.levels(self.first(self.with_label_maps(x, y)))
        return self.basis(x).flatten(1)

    def lipschitz(self) -> float:
        """Return the product of the bounds of all parts; padding adds nothing."""
        return math.prod(map(lipschitz, (self.first, self.levels, self.basis, self.head)))


def _published(inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> nn.Module:
    """Return R3GAN's bilinear doubling, which follows a change of channels."""
    return BilinearUp()


def _doubling(inputs: int, outputs: int, grow: Growing) -> list[nn.Module]:
    """Return the two layers between levels: a change of channels and a doubling, or both in one."""
    if grow is _published:
        return [_change(inputs, outputs), BilinearUp()]
    layer = grow(inputs, outputs, 3, bias=False)
    initialise(layer, "glorot")
    return [layer, nn.Identity()]


def _change(inputs: int, outputs: int) -> nn.Module:
    """Return a 1×1 convolution where the number of channels changes."""
    return nn.Identity() if inputs == outputs else _conv(inputs, outputs, 1)


def _conv(
    inputs: int,
    outputs: int,
    kernel: int | Size,
    *,
    gain: float = 1.0,
    bias: bool = False,
    groups: int = 1,
) -> nn.Conv2d:
    """Return a convolution with weights N(0, gain²/fan_in); only a 3×3 one is padded."""
    padding = 1 if kernel == 3 else 0
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, groups=groups, bias=bias)
    fan_in = conv.weight[0].numel()
    nn.init.normal_(conv.weight, std=gain / math.sqrt(fan_in))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a linear layer with weights N(0, 1/fan_in) and no bias."""
    linear = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(linear.weight, std=inputs**-0.5)
    return linear


PRESETS: Presets = {
    # R3GAN's shape at small width (28×28×3, latent 64).
    "smR": (R3Generator(), R3Discriminator()),
    # R3GAN's own width, 96 groups in its 3×3 convolutions (latent 64).
    "r3gan": (R3Generator(width=768), R3Discriminator(width=768)),
}
"""Networks of this family that papers and benchmarks use, by name."""
