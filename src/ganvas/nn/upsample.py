"""Layers that enlarge maps: seven of them, with one interface, for one to three dimensions.

Source: Odena, Dumoulin & Olah 2016 ("Deconvolution and checkerboard artifacts"). A transposed
convolution has weights of its own for every phase of the fine grid, so it can write a pattern that
repeats at every stride, and does so from the start where the stride does not divide the kernel.
A resize followed by a convolution ties the phases: what it makes of a constant map is constant.

With nearest neighbours it is the transposed convolution by box ∗ w, which is what `Resize` plays
where that costs less: for a kernel of 3 and a scale of 2, four products a pixel instead of nine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.nn.lipschitz import operator_norm

Upsample = Literal[
    "deconv",
    "deconv_even",
    "subpixel",
    "subpixel_icnr",
    "nn_resize",
    "bilinear_resize",
    "deconv_then_s1",
]
"""Names of the up-samplers.

- "deconv": transposed convolution; uneven where the stride does not divide the kernel.
- "deconv_even": with the next larger kernel that it divides. It can still learn a pattern.
- "subpixel": convolution to s² times the channels, which become s×s squares of pixels. The same as
  a transposed convolution with a kernel of s·k, and no cleaner.
- "subpixel_icnr": with s² equal kernels at the start (Aitken et al. 2017), from which it drifts.
- "nn_resize": nearest neighbours, then a convolution: no pattern, before training and after.
- "bilinear_resize": the same with linear interpolation; smoother, and harder to train.
- "deconv_then_s1": a transposed convolution, then one more with stride 1, which damps a pattern.
"""

Padding = Literal["reflect", "replicate", "zeros"]
"""What stands around a map before a convolution that keeps its size."""

Sizes = int | Sequence[int]

Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d

TRANSPOSED: Any = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
CONVOLVE: Any = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE: Any = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def upsampler(
    name: Upsample,
    inputs: int,
    outputs: int,
    kernel: Sizes,
    *,
    scale: Sizes = 2,
    bias: bool = True,
    padding: Padding = "reflect",
    dims: int = 2,
    exact: bool = False,
) -> nn.Module:
    """Return a layer from (N, inputs, *size) to (N, outputs, *(scale · size)).

    Args:
        name: which.
        inputs: channels.
        outputs: channels.
        kernel: of a transposed convolution, one number or one for each axis; convolutions of the
            other layers have the odd kernel next to it: 3 for 4.
        scale: by which each side grows; 1 keeps an axis.
        bias: whether there is one.
        padding: of convolutions that keep the size.
        dims: axes of space.
        exact: of "nn_resize": compute it as it is written, to the last bit.

    Raises:
        UsageError: the kernel of a transposed convolution is smaller than its stride.
    """
    kernel, scale = _each(kernel, dims), _each(scale, dims)
    odd = [_odd(k) if s > 1 or k > 1 else 1 for k, s in zip(kernel, scale, strict=True)]
    match name:
        case "deconv" | "deconv_even" | "deconv_then_s1":
            if name == "deconv_even":
                kernel = [math.ceil(k / s) * s for k, s in zip(kernel, scale, strict=True)]
            smooths = name == "deconv_then_s1"
            first = transposed(inputs, outputs, kernel, scale, bias and not smooths)
            if not smooths:
                return first
            keep = Resize((1,) * dims, padding)
            return nn.Sequential(first, UPCONVS[dims](outputs, outputs, odd, keep, bias))
        case "subpixel" | "subpixel_icnr":
            way = Shuffle(tuple(scale), padding, tied=name == "subpixel_icnr")
        case "nn_resize" | "bilinear_resize":
            way = Resize(tuple(scale), padding, smooth=name == "bilinear_resize", exact=exact)
    return UPCONVS[dims](inputs, outputs, odd, way, bias)


def transposed(
    inputs: int, outputs: int, kernel: Sequence[int], scale: Sequence[int], bias: bool
) -> Transposed:
    """Return a transposed convolution whose sides are exactly ``scale`` times as long.

    Raises:
        UsageError: a kernel is smaller than its stride: some pixels would be written by nothing.
    """
    for k, s in zip(kernel, scale, strict=True):
        if k < s:
            raise UsageError(
                f"a transposed convolution with kernel {k} cannot enlarge by {s}: it would leave "
                f"pixels empty; set kernel={2 * s}, or upsample=nn_resize"
            )
    padding = [math.ceil((k - s) / 2) for k, s in zip(kernel, scale, strict=True)]
    more = [2 * p + s - k for k, s, p in zip(kernel, scale, padding, strict=True)]
    layer = TRANSPOSED[len(scale)]
    return layer(inputs, outputs, tuple(kernel), tuple(scale), tuple(padding), tuple(more), 1, bias)


class Way(Protocol):
    """How a convolution comes to a larger grid."""

    @property
    def scale(self) -> tuple[int, ...]:
        """By how much each side grows."""
        ...

    @property
    def parts(self) -> int:
        """Channels of the convolution for each of the layer's."""
        ...

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the enlarged maps."""
        ...

    def tie(self, weight: Tensor) -> None:
        """Make parts of a freshly drawn weight, or bias, equal that are to start so."""
        ...

    def stretch(self, kernel: Sequence[int]) -> float:
        """Return by how much more than its convolution the layer can stretch, at most."""
        ...


@dataclass(frozen=True)
class Resize:
    """Interpolate, pad, convolve with stride 1.

    Attributes:
        scale: of each axis.
        padding: around the enlarged map.
        smooth: linear interpolation (pixel centres aligned) instead of nearest neighbours.
        exact: always as it is written, never by `quick`.
    """

    scale: tuple[int, ...]
    padding: Padding = "reflect"
    smooth: bool = False
    exact: bool = False

    @property
    def parts(self) -> int:
        """One."""
        return 1

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the enlarged maps, the cheaper way if there is one (2 to 6 times on a CPU)."""
        way = self.quick if not self.exact and self.has_quick(weight) else self.plain
        return way(x, weight, bias)

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the enlarged maps, as the definition says."""
        factors = [float(s) for s in self.scale]
        if self.smooth:
            x = F.interpolate(
                x, scale_factor=factors, mode=LINEAR[len(factors)], align_corners=False
            )
        elif max(factors) > 1:
            x = F.interpolate(x, scale_factor=factors, mode="nearest")
        return convolved(x, weight, bias, self.padding)

    def has_quick(self, weight: Tensor) -> bool:
        """Whether `quick` gives the same at the borders, too."""
        reach = max((k // 2 - s + 1 for k, s in zip(weight.shape[2:], self.scale, strict=True)))
        return not self.smooth and max(self.scale) > 1 and (self.padding != "reflect" or reach <= 0)

    def quick(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the same by a transposed convolution at the coarse grid."""
        dims, reach = len(self.scale), [k // 2 for k in weight.shape[2:]]
        # Next to the border every padded pixel is a copy of the outermost coarse one.
        around = [math.ceil(r / s) for r, s in zip(reach, self.scale, strict=True)]
        if self.padding == "zeros":
            around = [0] * dims
        elif any(around):
            x = F.pad(x, _both_sides(around), mode="replicate")
        cut = [r + s * a for r, s, a in zip(reach, self.scale, around, strict=True)]
        return TRANSPOSE[dims](x, box_kernel(weight, self.scale), bias, self.scale, cut)

    def tie(self, weight: Tensor) -> None:
        """Do nothing."""

    def stretch(self, kernel: Sequence[int]) -> float:
        """Return √Πs, by which interpolation stretches, times what padding does."""
        return math.sqrt(math.prod(self.scale)) * _stretch(self.padding, kernel)


@dataclass(frozen=True)
class Shuffle:
    """Pad, convolve to Πs times the channels, and put these side by side (Shi et al. 2016).

    Attributes:
        scale: of each axis.
        padding: around the coarse map.
        tied: whether the kernels of one channel start equal.
    """

    scale: tuple[int, ...]
    padding: Padding = "reflect"
    tied: bool = False

    @property
    def parts(self) -> int:
        """Πs."""
        return math.prod(self.scale)

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the enlarged maps."""
        return shuffled(convolved(x, weight, bias, self.padding), self.scale)

    @torch.no_grad()
    def tie(self, weight: Tensor) -> None:
        """Give all kernels, or biases, of one channel the values of the first."""
        if self.tied:
            each = weight.view(-1, self.parts, *weight.shape[1:])
            each.copy_(each[:, :1].clone().expand_as(each))

    def stretch(self, kernel: Sequence[int]) -> float:
        """Return what padding does: to put pixels elsewhere stretches nothing."""
        return _stretch(self.padding, kernel)


class UpConv1d(nn.Conv1d):
    """A convolution of (N, C, T) that comes to a larger grid in its `Way`."""

    def __init__(self, inputs: int, outputs: int, kernel: Sizes, way: Way, bias: bool) -> None:
        (width,) = _each(kernel, 1)
        super().__init__(inputs, outputs * way.parts, width, bias=bias)
        self.way = way
        tie(self)

    def forward(self, input: Tensor) -> Tensor:
        """Return the enlarged maps."""
        return self.way(input, self.weight, self.bias)

    def lipschitz(self) -> float:
        """Return a bound on its slope."""
        return operator_norm(self) * self.way.stretch(self.kernel_size)


class UpConv2d(nn.Conv2d):
    """A convolution of (N, C, H, W) that comes to a larger grid in its `Way`."""

    def __init__(self, inputs: int, outputs: int, kernel: Sizes, way: Way, bias: bool) -> None:
        height, width = _each(kernel, 2)
        super().__init__(inputs, outputs * way.parts, (height, width), bias=bias)
        self.way = way
        tie(self)

    def forward(self, input: Tensor) -> Tensor:
        """Return the enlarged maps."""
        return self.way(input, self.weight, self.bias)

    def lipschitz(self) -> float:
        """Return a bound on its slope."""
        return operator_norm(self) * self.way.stretch(self.kernel_size)


class UpConv3d(nn.Conv3d):
    """A convolution of (N, C, D, H, W) that comes to a larger grid in its `Way`."""

    def __init__(self, inputs: int, outputs: int, kernel: Sizes, way: Way, bias: bool) -> None:
        depth, height, width = _each(kernel, 3)
        super().__init__(inputs, outputs * way.parts, (depth, height, width), bias=bias)
        self.way = way
        tie(self)

    def forward(self, input: Tensor) -> Tensor:
        """Return the enlarged maps."""
        return self.way(input, self.weight, self.bias)

    def lipschitz(self) -> float:
        """Return a bound on its slope."""
        return operator_norm(self) * self.way.stretch(self.kernel_size)


UPCONVS = {1: UpConv1d, 2: UpConv2d, 3: UpConv3d}
UpConv = UpConv1d | UpConv2d | UpConv3d


def tie(layer: nn.Module) -> None:
    """Make freshly drawn kernels of a layer equal that are to start so; other layers have none."""
    if isinstance(layer, UpConv):
        for drawn in layer.parameters():
            layer.way.tie(drawn)


# ---- what they are made of ----------------------------------------------------------------------


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Padding) -> Tensor:
    """Return a convolution with stride 1 that keeps the size of (N, C, …).

    Raises:
        UsageError: there are too few pixels for a reflection.
    """
    reach = [k // 2 for k in weight.shape[2:]]
    convolve = CONVOLVE[len(reach)]
    if padding == "zeros" or not any(reach):
        return convolve(x, weight, bias, padding=reach)
    if padding == "reflect" and any(r >= n for r, n in zip(reach, x.shape[2:], strict=True)):
        sides = "×".join(map(str, x.shape[2:]))
        raise UsageError(
            f"maps of {sides} are too small to be padded by reflection for a kernel of "
            f"{2 * max(reach) + 1}: set upsample_padding=replicate"
        )
    return convolve(F.pad(x, _both_sides(reach), mode=padding), weight, bias)


def shuffled(x: Tensor, scale: Sequence[int]) -> Tensor:
    """Return (N, C, *(s · size)) from (N, C · Πs, *size): channels become neighbouring pixels."""
    dims = len(scale)
    if dims == 2 and scale[0] == scale[1]:
        return F.pixel_shuffle(x, scale[0])
    split = x.view(x.shape[0], -1, *scale, *x.shape[2:])
    order = itertools.chain.from_iterable((2 + dims + axis, 2 + axis) for axis in range(dims))
    sides = [s * n for s, n in zip(scale, x.shape[2:], strict=True)]
    return split.permute(0, 1, *order).reshape(x.shape[0], -1, *sides)


def box_kernel(weight: Tensor, scale: Sequence[int]) -> Tensor:
    """Return the kernel (inputs, outputs, …) of the transposed convolution that is a resize.

    Nearest neighbours by s, then a convolution by w, are the transposed convolution with stride s
    by box_s ∗ w, the box being s ones along each axis: k + s − 1 taps, every phase with one sum.
    """
    dims = len(scale)
    kernel = weight.transpose(0, 1).flip(tuple(range(2, 2 + dims)))
    for axis, s in enumerate(scale):
        shifts = ([0, 0] * (dims - 1 - axis) + [b, s - 1 - b] for b in range(s))
        kernel = cast(Tensor, sum(F.pad(kernel, shift) for shift in shifts))
    return kernel


def as_transposed(layer: UpConv) -> Transposed:
    """Return the transposed convolution that does in the interior what a layer does.

    Raises:
        UsageError: it interpolates linearly.
    """
    dims, way, weight = layer.weight.dim() - 2, layer.way, layer.weight.detach()
    reach = [k // 2 for k in weight.shape[2:]]
    bias = None if layer.bias is None else layer.bias.detach()
    if isinstance(way, Shuffle):
        # Tap t of phase p is tap s·(k − 1 − t) + p of the whole kernel.
        kernel = shuffled(weight.transpose(0, 1).flip(tuple(range(2, 2 + dims))), way.scale)
        cut = [s * r for s, r in zip(way.scale, reach, strict=True)]
        bias = None if bias is None else bias.view(-1, way.parts).mean(1)
    elif isinstance(way, Resize) and not way.smooth:
        kernel, cut = box_kernel(weight, way.scale), reach
    else:
        raise UsageError("bilinear_resize is written as no transposed convolution here: nn_resize")
    inputs, outputs, *size = kernel.shape
    made = TRANSPOSED[dims](inputs, outputs, tuple(size), way.scale, tuple(cut))
    with torch.no_grad():
        made.weight.copy_(kernel)
        cast(Tensor, made.bias).copy_(torch.zeros(outputs) if bias is None else bias)
    return made


def _odd(kernel: int) -> int:
    return kernel if kernel % 2 else max(kernel - 1, 3)


def _each(value: Sizes, dims: int) -> list[int]:
    return [value] * dims if isinstance(value, int) else list(value)


def _both_sides(amounts: Sequence[int]) -> list[int]:
    """Return amounts for all axes as `F.pad` wants them: the last axis first, each side."""
    return [amount for one in reversed(amounts) for amount in (one, one)]


def _stretch(padding: Padding, kernel: Sequence[int]) -> float:
    """Return the norm of padding: the root of how often a pixel is in the padded map."""
    most = {"zeros": 1, "reflect": 3, "replicate": max(kernel)}[padding]
    return math.sqrt(math.prod(min(1 + k // 2, most) for k in kernel))
