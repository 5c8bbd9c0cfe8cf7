"""Convolutions that a style modulates, and layers beside them (Karras et al. 2020, section 2).

A style s has one number for each input channel of a convolution, for each sample: weights become
w'_oik = s_i w_oik. Demodulation divides those of an output channel by their length ‖w'_o‖, which
would be the deviation of that channel for inputs of deviation 1. It is the same to scale inputs by
s and outputs by 1/‖w'_o‖, with one ordinary convolution for all samples.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.nn.drawing import Drawing
from ganvas.nn.precision import unrounded
from ganvas.nn.resample import Blur

Modulation = Literal["scaled", "grouped", "loop"]
"""How styles reach the weights, three ways to the same maps.

- "scaled": inputs by s, outputs by 1/‖w'_o‖; one convolution for all samples.
- "grouped": weights of each sample; one convolution with a group for each sample.
- "loop": weights of each sample; a convolution for each sample.
"""

NoiseMode = Literal["random", "fixed", "none"]
"""Noise maps drawn for each sample, those stored in the model for all, or none."""

EPS = 1e-8


class ModulatedConv(nn.Conv2d):
    """A convolution of (N, inputs, H, W), without bias, whose weights styles (N, inputs) scale.

    Args:
        inputs, outputs: channels.
        kernel: odd; borders are padded by zeros.
        up: doubles each side: a transposed convolution, then the filter [1, 3, 3, 1].
        demodulate: divides the weights of each output channel by their length.
        gain: factor on the output.
        modulation: how it is computed.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        up: bool = False,
        demodulate: bool = True,
        gain: float = 1.0,
        modulation: Modulation = "scaled",
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.blur = Blur() if up else None
        self.demodulate = demodulate
        self.gain = gain
        self.modulation: Modulation = modulation

    def forward(self, input: Tensor, style: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return (N, outputs, H, W), or twice as large, of maps and styles (N, inputs)."""
        match self.modulation:
            case "scaled":
                return self._scaled(input, style)
            case "grouped":
                weight = self.modulated(style)
                joined = input.reshape(1, -1, *input.shape[2:])
                found = self._convolve(joined, weight.flatten(0, 1), groups=len(input))
                return found.view(len(input), -1, *found.shape[2:])
            case "loop":
                pairs = zip(input, self.modulated(style), strict=True)
                return torch.cat([self._convolve(x[None], weight) for x, weight in pairs])

    def modulated(self, style: Tensor) -> Tensor:
        """Return the weights of each sample, (N, outputs, inputs, k, k), times the gain."""
        weight = self.weight[None] * style[:, None, :, None, None]
        if self.demodulate:
            weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + EPS).rsqrt()
        return weight if self.gain == 1 else weight * self.gain

    def _scaled(self, x: Tensor, style: Tensor) -> Tensor:
        weight = self.weight
        if not self.demodulate:
            return self._convolve(x * _each(style * self.gain, x), weight)
        with unrounded(style):
            lengths = style.square() @ weight.square().sum((2, 3)).T
        found = self._convolve(x * _each(style, x), weight)
        return found * _each((lengths + EPS).rsqrt() * self.gain, found)

    def _convolve(self, x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
        """Return the convolution by weights (groups · outputs, inputs, k, k)."""
        if self.blur is not None:
            return doubled(x, weight, self.blur, groups)
        return F.conv2d(x, weight, padding=self.padding, groups=groups)


class PlainConv(nn.Conv2d):
    """The same convolution, with the same way to a larger grid, that no style changes.

    Args:
        inputs, outputs: channels.
        kernel: odd; borders are padded by zeros.
        up: doubles each side.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, up: bool = False) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.blur = Blur() if up else None

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, outputs, H, W), or twice as large."""
        if self.blur is not None:
            return doubled(input, self.weight, self.blur)
        return super().forward(input)


def doubled(x: Tensor, weight: Tensor, blur: Blur, groups: int = 1) -> Tensor:
    """Return maps of twice the size: a transposed convolution, then the filter [1, 3, 3, 1].

    Args:
        x: maps (N, groups · inputs, H, W).
        weight: (groups · outputs, inputs, k, k), k = 3 or 1.
        blur: the filter.
        groups: of channels.
    """
    _, inputs, *kernel = weight.shape
    turned = weight.view(groups, -1, inputs, *kernel).transpose(1, 2).flatten(0, 1)
    wide = F.conv_transpose2d(x, turned, stride=2, groups=groups)
    return blur(wide, pad=(5 - kernel[0]) // 2, gain=4.0)


def _each(numbers: Tensor, like: Tensor) -> Tensor:
    """Return numbers (N, C) as factors on maps, of their type."""
    return numbers.to(like.dtype)[:, :, None, None]


class MapNoise(Drawing):
    """Adds noise to maps: one map for all channels, times a strength that is learnt.

    Args:
        size: (height, width) of the maps.
        channels: 1 for one strength, or one for each channel (StyleGAN's first version).
        gain: further factor on it.

    Attributes:
        stored: the map (1, 1, h, w) of the mode "fixed".
        mode: where the map comes from.
    """

    stored: Tensor

    def __init__(self, size: Sequence[int], channels: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels))
        self.register_buffer("stored", torch.randn(1, 1, *size))
        self.gain = gain
        self.mode: NoiseMode = "random"

    @property
    def draws(self) -> bool:
        """Whether it does in this mode."""
        return self.mode == "random"

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Return maps (N, C, h, w) with noise, that of a map (N or 1, 1, h, w) if one is given."""
        if given is None and self.mode == "none":
            return x
        if given is None:
            given = self.normal(x, 1, *x.shape[2:]) if self.draws else self.stored
        return x + given.to(x.dtype) * _each(self.strength[None] * self.gain, x)

    def extra_repr(self) -> str:
        """Show the size of the map."""
        return "×".join(map(str, self.stored.shape[2:]))


@contextmanager
def noisy(module: nn.Module, mode: NoiseMode) -> Generator[None]:
    """Have every layer of noise maps in ``module`` take them as a mode says, for a block."""
    layers = [layer for layer in module.modules() if isinstance(layer, MapNoise)]
    before: list[NoiseMode] = [layer.mode for layer in layers]
    for layer in layers:
        layer.mode = mode
    try:
        yield
    finally:
        for layer, was in zip(layers, before, strict=True):
            layer.mode = was


class AdaptiveNorm(nn.Module):
    """Maps of mean 0 and deviation 1 each, times 1 + scale, plus shift (Huang & Belongie 2017).

    Styles are (N, 2C): scales, then shifts.
    """

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return maps of the same shape."""
        scale, shift = _each(style, x).chunk(2, dim=1)
        return F.instance_norm(x, eps=EPS) * (1 + scale) + shift


class BlurredConv(nn.Conv2d):
    """A convolution of half the size: the filter [1, 3, 3, 1], then strides of 2."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, bias: bool = True) -> None:
        super().__init__(inputs, outputs, kernel, bias=bias)
        self.blur = Blur()

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, outputs, H/2, W/2)."""
        if self.kernel_size == (1, 1):  # then the pixels in between need not be worked out
            return F.conv2d(self.blur(input, pad=1, stride=2), self.weight, self.bias)
        wide = self.blur(input, pad=(self.kernel_size[0] + 1) // 2)
        return F.conv2d(wide, self.weight, self.bias, stride=2)


def rectified(x: Tensor, slope: float, limit: float | None = None) -> Tensor:
    """Return a leaky rectifier of what has its gain already; rounded maps are held within ±limit.

    With numbers of 8 bits what grows without end would be lost among its own errors.
    """
    return bounded(F.leaky_relu(x, slope), limit)


def bounded(x: Tensor, limit: float | None) -> Tensor:
    """Return maps within ±limit where they are rounded, if there is one; others as they are."""
    return x if limit is None or x.element_size() > 2 else F.hardtanh(x, -limit, limit)
