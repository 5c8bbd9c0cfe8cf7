"""One up-sampler's weights from another's: exactly where it can be, else as near as it comes.

Near means the smallest sum of squared differences of the kernels on the fine grid, which for noise
as input is the smallest squared difference of the maps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.errors import UsageError
from ganvas.nn.equalised import Equalised
from ganvas.nn.spectral import SpectralNorm
from ganvas.nn.upsample import (
    Resize,
    Transposed,
    UpConv,
    UpConv1d,
    UpConv2d,
    UpConv3d,
    as_transposed,
)


class Fine(NamedTuple):
    """What a layer does to one coarse pixel, on the fine grid.

    Attributes:
        kernel: (inputs, outputs, …).
        cut: in each axis, the place in the kernel of the pixel's own first fine one.
        scale: of each axis.
        bias: (outputs), or None.
    """

    kernel: Tensor
    cut: tuple[int, ...]
    scale: tuple[int, ...]
    bias: Tensor | None


def enlarges(layer: nn.Module) -> bool:
    """Whether a layer is an up-sampler."""
    return max(scale_of(layer), default=1) > 1


def scale_of(layer: nn.Module) -> tuple[int, ...]:
    """Return by how much a layer enlarges each axis; () of layers that are no up-samplers."""
    if isinstance(layer, UpConv1d | UpConv2d | UpConv3d):
        return layer.way.scale
    return tuple(layer.stride) if isinstance(layer, Transposed) else ()


def kind_of(layer: nn.Module) -> str:
    """Return what an up-sampler is called."""
    way = getattr(layer, "way", None)
    if way is None:
        return "transposed convolution"
    if isinstance(way, Resize):
        return "bilinear resize" if way.smooth else "nearest resize"
    return "sub-pixel convolution"


def fine(layer: nn.Module) -> Fine:
    """Return a transposed convolution, or a layer that can be written as one, as `Fine`.

    Raises:
        UsageError: it cannot.
    """
    if isinstance(layer, UpConv1d | UpConv2d | UpConv3d):
        layer = as_transposed(layer)
    if not isinstance(layer, Transposed):
        raise UsageError(f"a {type(layer).__name__} is no up-sampler that can be converted")
    bias = None if layer.bias is None else layer.bias.detach()
    cut = cast(tuple[int, ...], tuple(layer.padding))
    return Fine(layer.weight.detach(), cut, tuple(layer.stride), bias)


@torch.no_grad()
def convert(old: nn.Module, new: nn.Module) -> float:
    """Set the weights of an up-sampler by those of another between the same channels.

    Under spectral normalisation the new kernel has a norm of its own, whatever the old one's is.

    Returns:
        How far the new kernel is from the old one, as a share of its squares; 0: the same layer.

    Raises:
        UsageError: no such conversion is known.
    """
    before = fine(old)
    frame = _framed(before, *_frame(new))
    if isinstance(new, UpConv1d | UpConv2d | UpConv3d):
        _set(new, _nearest(frame, new))
    else:
        _set(new, frame)
    if isinstance(new.bias, nn.Parameter):
        new.bias.copy_(torch.zeros_like(new.bias) if before.bias is None else before.bias)
    after = _written(new)
    missing = (_framed(before, *_frame(new)) - after).square().sum()
    missing += before.kernel.square().sum() - frame.square().sum()  # what was cut off
    return float(missing / before.kernel.square().sum().clamp(min=1e-30))


def _set(layer: nn.Module, weight: Tensor) -> None:
    """Set the weight that a layer uses; under spectral normalisation, up to a factor."""
    if not parametrize.is_parametrized(layer, "weight"):
        cast(nn.Parameter, layer.weight).copy_(weight)
        return
    chain = cast(nn.ModuleDict, layer.parametrizations)["weight"]
    scale = math.prod(one.factor for one in chain.children() if isinstance(one, Equalised))
    cast(nn.Parameter, chain.original).copy_(weight / scale)
    for one in chain.children():
        if isinstance(one, SpectralNorm):
            one.converge(weight)


def _frame(layer: nn.Module) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return size and cut of what a layer can write on the fine grid."""
    if isinstance(layer, Transposed):
        return tuple(layer.kernel_size), cast(tuple[int, ...], tuple(layer.padding))
    if isinstance(layer, UpConv1d | UpConv2d | UpConv3d) and isinstance(layer.way, Resize):
        widths = [len(_taps(s, layer.way.smooth)) for s in layer.way.scale]
        size = tuple(k + w - 1 for k, w in zip(layer.kernel_size, widths, strict=True))
        more = [(w - s) // 2 for w, s in zip(widths, layer.way.scale, strict=True)]
        return size, tuple(k // 2 + m for k, m in zip(layer.kernel_size, more, strict=True))
    raise UsageError("weights are converted to deconv, deconv_even, nn_resize or bilinear_resize")


def _framed(of: Fine, size: Sequence[int], cut: Sequence[int]) -> Tensor:
    """Return a kernel cut, or filled up by zeros, to another size and place."""
    kernel = of.kernel
    for axis, (width, own, theirs) in enumerate(zip(size, of.cut, cut, strict=True), 2):
        whole = kernel.new_zeros(*kernel.shape[:axis], width, *kernel.shape[axis + 1 :])
        for place in range(kernel.shape[axis]):
            if 0 <= (there := place - own + theirs) < width:
                whole.select(axis, there).copy_(kernel.select(axis, place))
        kernel = whole
    return kernel


def _taps(scale: int, smooth: bool) -> Tensor:
    """Return the filter of an interpolation along one axis: what one coarse pixel gives."""
    box = torch.ones(scale, dtype=torch.double)
    if not smooth:
        return box
    # Linear interpolation is the box smoothed by a box of the same width, centres aligned.
    middle = torch.ones(scale + 1 - scale % 2, dtype=torch.double)
    if scale % 2 == 0:
        middle[0] = middle[-1] = 0.5
    return torch.nn.functional.conv1d(
        box[None, None], middle.flip(0)[None, None] / scale, padding=len(middle) - 1
    )[0, 0]


def _spreading(scale: int, kernel: int, smooth: bool) -> Tensor:
    """Return the matrix (fine taps, kernel taps) by which a kernel is spread along one axis."""
    taps = _taps(scale, smooth)
    matrix = taps.new_zeros(len(taps) + kernel - 1, kernel)
    for place in range(kernel):
        matrix[place : place + len(taps), place] = taps
    return matrix


def _nearest(frame: Tensor, layer: UpConv) -> Tensor:
    """Return the weight whose spread kernel is nearest to one on the fine grid."""
    way = cast(Resize, layer.way)
    weight = frame.double()
    for axis, (s, k) in enumerate(zip(way.scale, layer.kernel_size, strict=True), 2):
        inverse = cast(Tensor, torch.linalg.pinv(_spreading(s, k, way.smooth)))
        weight = (weight.movedim(axis, -1) @ inverse.T).movedim(-1, axis)
    return weight.flip(tuple(range(2, weight.dim()))).transpose(0, 1).to(frame.dtype)


def _written(layer: nn.Module) -> Tensor:
    """Return the kernel that a layer has on the fine grid."""
    if isinstance(layer, UpConv1d | UpConv2d | UpConv3d):
        way = cast(Resize, layer.way)
        kernel = layer.weight.detach().double().transpose(0, 1)
        kernel = kernel.flip(tuple(range(2, kernel.dim())))
        for axis, (s, k) in enumerate(zip(way.scale, layer.kernel_size, strict=True), 2):
            spread = _spreading(s, k, way.smooth)
            kernel = (kernel.movedim(axis, -1) @ spread.T).movedim(-1, axis)
        return kernel
    return cast(Tensor, layer.weight).detach().double()
