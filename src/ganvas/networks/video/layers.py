"""Parts of networks for clips, and the arithmetic of their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.networks.convolutional import Size, ladder
from ganvas.networks.upsampling import Growing, deconvolution_of_clips
from ganvas.nn import BatchNorm

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

VOLUME = 3
"""Dimensions of space and time of a clip."""

Volume = tuple[int, int, int]
"""Frames, height and width."""

Shape = tuple[int, int, int, int]
"""Channels, frames, height and width."""

Pace = Literal["halve", "slide"]
"""What a convolution of kernel 4 does to time: halves it, or takes three frames from it."""

KERNEL = 4


def clip_shape(domain: Domain, family: str) -> Shape:
    """Return (C, T, H, W).

    Raises:
        UsageError: the data are no clips.
    """
    if domain.grid != VOLUME:
        raise UsageError(
            f"{family} networks of this system are for clips, but the data hold {domain.plural} of "
            f"shape {domain.shape}: give videos, folders of frames, or an array of clips "
            "(N, T, H, W, C); ganvas data PATH says which recipes fit what you have"
        )
    channels, frames, height, width = domain.shape
    return channels, frames, height, width


def levels(size: Size, stages: int | None) -> list[Size]:
    """Return the sizes of levels 0 to S; by itself S is where the smaller side is at most 7."""
    if stages is None:
        stages = next(s for s in range(1, 32) if min(ladder(size, s)[-1]) <= 7)
    return ladder(size, stages)


def fewer(frames: int, pace: Pace) -> int:
    """Return how many frames a convolution leaves; 0 or less: there were too few."""
    return -(-frames // 2) if pace == "halve" else frames - KERNEL + 1


def gains(name: Literal["none", "batch"], channels: int, offset: bool, eps: float) -> nn.Module:
    """Return a batch norm with or without offsets, or nothing."""
    return BatchNorm(channels, offset=offset, eps=eps) if name == "batch" else nn.Identity()


class Down3d(nn.Module):
    """Convolution of kernel 4 from T×H×W to ⌈H/2⌉×⌈W/2⌉ with time halved, or three frames fewer.

    Odd lengths are padded to even ones.
    """

    def __init__(self, inputs: int, outputs: int, volume: Volume, pace: Pace, bias: bool) -> None:
        super().__init__()
        time = pace == "halve"
        odd = [length % 2 for length in volume]
        self.more = (0, odd[2], 0, odd[1], 0, odd[0] * time)
        self.conv = nn.Conv3d(
            inputs, outputs, KERNEL, (1 + time, 2, 2), (int(time), 1, 1), bias=bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, T', ⌈H/2⌉, ⌈W/2⌉)."""
        return self.conv(F.pad(x, self.more) if any(self.more) else x)


class Up3d(nn.Module):
    """An up-sampler of kernel 4 that doubles a volume, cropped to exactly ``volume``."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        volume: Volume,
        bias: bool,
        grow: Growing = deconvolution_of_clips,
    ) -> None:
        super().__init__()
        self.volume = volume
        self.conv = grow(inputs, outputs, KERNEL, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, *volume)."""
        frames, height, width = self.volume
        return self.conv(x)[..., :frames, :height, :width]
