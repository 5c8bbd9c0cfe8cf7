"""Doubling and halving of images (N, C, H, W); every map is linear and twice differentiable."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.nn.precision import unrounded, widen


def upsample_nearest(x: Tensor) -> Tensor:
    """Return (N, C, 2H, 2W): each pixel four times."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def downsample_average(x: Tensor) -> Tensor:
    """Return (N, C, H/2, W/2): the mean of each 2×2 square."""
    return F.avg_pool2d(x, 2)


def _by_channel(play: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Play a filter of each channel alone that has a stride, and return what has the type of x.

    On CPUs in single precision: oneDNN's way of it in bfloat16 takes ten to forty times as long.
    """
    if x.device.type != "cpu":
        return play(x)
    with unrounded(x):
        return play(widen(x)).to(x.dtype)


class _Bilinear(nn.Module):
    """Holds the filter [1, 2, 1] ∗ [1, 1] = [1, 3, 3, 1] in both directions, with sum 1.

    [1, 1] is the box of nearest doubling or 2×2 averaging; [1, 2, 1] smooths it into bilinear
    interpolation with the pixel centres of both grids aligned. Outside the image stand zeros.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", torch.outer(taps, taps)[None, None], persistent=False)

    def filtered(self, x: Tensor, pad: int, gain: float = 1.0, stride: int = 1) -> Tensor:
        """Return every ``stride``-th pixel of maps under the filter of sum ``gain``."""
        channels = x.shape[1]

        def play(x: Tensor) -> Tensor:
            kernel = (gain * self.kernel).to(x.dtype).expand(channels, 1, 4, 4)
            return F.conv2d(x, kernel, stride=stride, padding=pad, groups=channels)

        return play(x) if stride == 1 else _by_channel(play, x)


class BilinearUp(_Bilinear):
    """Bilinear doubling: nearest doubling, then the filter [1, 2, 1]/4, as one depthwise conv."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, 2H, 2W)."""
        channels = x.shape[1]

        def play(x: Tensor) -> Tensor:
            kernel = (4 * self.kernel).to(x.dtype).expand(channels, 1, 4, 4)
            return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)

        return _by_channel(play, x)


class BilinearDown(_Bilinear):
    """Bilinear halving: the filter [1, 2, 1]/4, then 2×2 averages, as one depthwise conv."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H/2, W/2)."""
        return self.filtered(x, pad=1, stride=2)


class Blur(_Bilinear):
    """The filter alone, for layers that change the size of maps themselves."""

    def forward(self, x: Tensor, pad: int, gain: float = 1.0, stride: int = 1) -> Tensor:
        """Return maps under the filter of sum ``gain``.

        Each side is side + 2 pad − 3 long, of which every ``stride``-th pixel is kept.
        """
        return self.filtered(x, pad=pad, gain=gain, stride=stride)
