"""Parts of convolutional networks, and the arithmetic of their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.domain import PLANE
from ganvas.errors import UsageError
from ganvas.networks.conditions import NONE, Conditions
from ganvas.networks.upsampling import Growing, deconvolution
from ganvas.nn import BatchNorm, ConditionalBatchNorm, LayerNorm, downsample_average, lipschitz

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

Norm = Literal["none", "batch", "layer"]
"""Names of normalisation layers; see `norm`."""

Size = tuple[int, int]
"""Height and width."""


def image_shape(domain: Domain, family: str) -> tuple[int, int, int]:
    """Return (C, H, W).

    Raises:
        UsageError: the data are not images.
    """
    if domain.grid != PLANE:
        raise UsageError(
            f"{family} networks are for images, but the data hold {domain.plural} of shape "
            f"{domain.shape}: use an mlp or cgan_mlp network, or for sequences a resnet1d one."
        )
    channels, height, width = domain.shape
    return channels, height, width


def norm(name: Norm, channels: int, conditions: Conditions = NONE) -> nn.Module:
    """Return a normalisation layer; batch norms with conditions depend on them.

    A single field of classes chooses gains and offsets from tables; of anything else, or of several
    fields side by side, they are linear functions: 1 + A h and B h.
    """
    match name:
        case "none":
            return nn.Identity()
        case "layer":
            return LayerNorm(channels)
        case "batch":
            if not conditions:
                return BatchNorm(channels)
            if conditions.classes:
                return ConditionalBatchNorm(channels, classes=conditions.classes)
            return ConditionalBatchNorm(channels, features=conditions.width)


def normalise(layer: nn.Module, x: Tensor, y: Tensor | None) -> Tensor:
    """Apply a layer that `norm` returned; labels reach those that are conditional on them."""
    return layer(x, y) if isinstance(layer, ConditionalBatchNorm) else layer(x)


def overlapped(units: Tensor, shape: tuple[int, int, int], extent: Size) -> Tensor:
    """Return the maps of latents that lie in space, (N, C, H + a − 1, W + b − 1).

    Each latent's maps lie one place further than those of the one before, and are added where they
    overlap: a linear layer from one latent is a transposed convolution from many.

    Args:
        units: what a linear layer makes of each latent, row by row: (N · a · b, C · H · W).
        shape: (C, H, W).
        extent: how many latents lie below and beside one another, (a, b).
    """
    _, height, width = shape
    columns = units.view(-1, extent[0] * extent[1], units.shape[1]).transpose(1, 2)
    return F.fold(columns, (height + extent[0] - 1, width + extent[1] - 1), (height, width))


def halved(size: Size) -> Size:
    """Return half of each side, rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def ladder(size: Size, stages: int) -> list[Size]:
    """Return the sizes from ``size`` down through ``stages`` halvings."""
    sizes = [size]
    for _ in range(stages):
        sizes.append(halved(sizes[-1]))
    return sizes


def halvings(shape: tuple[int, int, int], to: int) -> int:
    """Return how often the sides of images (C, H, W) halve until the smaller one is ``to``.

    Raises:
        UsageError: it does not come out even, or the larger side does not.
    """
    side = min(shape[1:])
    count = max(1, (side // to).bit_length() - 1) if to else 1
    if side != to << count or max(shape[1:]) % (1 << count):
        raise UsageError(
            f"Residual networks need image sides that halve cleanly to {to} (such as 32×32, "
            f"64×64 or 64×96), not {shape[1]}×{shape[2]}: resize the data, or use a dcgan or r3 "
            "(smR) network, which take any size."
        )
    return count


Halving = Literal["stride", "pool"]
"""How a convolution halves: by its stride, or by averages of 2×2 after a stride of 1.

Gradients reach every pixel alike through the second (Odena et al. 2016)."""


class Down(nn.Module):
    """Convolution from H×W to ⌈H/2⌉×⌈W/2⌉; odd sides are padded to even ones."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        size: Size,
        bias: bool,
        halving: Halving = "stride",
    ) -> None:
        super().__init__()
        self.odd = (size[1] % 2, size[0] % 2)
        # With a stride of 1 an even kernel needs one pixel more on one side.
        self.more = 1 - kernel % 2 if halving == "pool" else 0
        self.halving: Halving = halving
        step = 2 if halving == "stride" else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, step, (kernel - 1) // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, ⌈H/2⌉, ⌈W/2⌉)."""
        if self.more or any(self.odd):
            x = F.pad(x, (0, self.odd[0] + self.more, 0, self.odd[1] + self.more))
        x = self.conv(x)
        return downsample_average(x) if self.halving == "pool" else x

    def lipschitz(self) -> float:
        """Return the convolution's bound; padding adds nothing, and averages of four halve it."""
        return lipschitz(self.conv) * (0.5 if self.halving == "pool" else 1.0)


class Up(nn.Module):
    """An up-sampler to exactly ``size``: what overshoots by doubling is cropped.

    Of larger maps, as latents in space give them, the same is cropped.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        size: Size,
        bias: bool,
        grow: Growing = deconvolution,
    ) -> None:
        super().__init__()
        self.over = (size[0] % 2, size[1] % 2)
        self.conv = grow(inputs, outputs, kernel, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, *size)."""
        x = self.conv(x)
        return x[..., : x.shape[-2] - self.over[0], : x.shape[-1] - self.over[1]]


class Block(nn.Module):
    """Convolution, normalisation, non-linearity: one row of a DCGAN table."""

    def __init__(self, conv: nn.Module, norm: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm
        self.act = act

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the block's maps; labels reach conditional norms."""
        return self.act(normalise(self.norm, self.conv(x), y))

    def lipschitz(self) -> float:
        """Return the product of the bounds of its three parts."""
        return lipschitz(self.conv) * lipschitz(self.norm) * lipschitz(self.act)
