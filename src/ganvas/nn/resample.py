"""Doubling and halving of images (N, C, H, W); every map is linear and twice differentiable."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.nn.precision import unrounded, widen

Convolve = Callable[..., Tensor]


def upsample_nearest(x: Tensor) -> Tensor:
    """Return (N, C, 2H, 2W): each pixel four times."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def downsample_average(x: Tensor) -> Tensor:
    """Return (N, C, H/2, W/2): the mean of each 2×2 square."""
    return F.avg_pool2d(x, 2)


def filtered(
    x: Tensor, kernel: Tensor, stride: int, padding: int, play: Convolve = F.conv2d
) -> Tensor:
    """Return maps whose channels a filter (1, 1, k, k) slides over, in the type of x if it strides.

    With a stride it does so in single precision on CPUs: oneDNN's way of such filters in bfloat16
    takes ten to forty times as long.
    """
    if stride > 1 and x.device.type == "cpu":
        with unrounded(x):
            return _slid(widen(x), kernel, stride, padding, play).to(x.dtype)
    return _slid(x, kernel, stride, padding, play)


def _slid(x: Tensor, kernel: Tensor, stride: int, padding: int, play: Convolve) -> Tensor:
    channels = x.shape[1]
    taps = kernel.to(x.dtype).expand(channels, *kernel.shape[1:])
    return play(x, taps, stride=stride, padding=padding, groups=channels)


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


class BilinearUp(_Bilinear):
    """Bilinear doubling: nearest doubling, then the filter [1, 2, 1]/4, as one depthwise conv."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, 2H, 2W)."""
        return filtered(x, 4 * self.kernel, 2, 1, F.conv_transpose2d)


class BilinearDown(_Bilinear):
    """Bilinear halving: the filter [1, 2, 1]/4, then 2×2 averages, as one depthwise conv."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H/2, W/2)."""
        return filtered(x, self.kernel, 2, 1)


class Blur(_Bilinear):
    """The filter alone, for layers that change the size of maps themselves."""

    def forward(self, x: Tensor, pad: int, gain: float = 1.0, stride: int = 1) -> Tensor:
        """Return maps under the filter of sum ``gain``.

        Each side is side + 2 pad − 3 long, of which every ``stride``-th pixel is kept.
        """
        return filtered(x, gain * self.kernel, stride, pad)
