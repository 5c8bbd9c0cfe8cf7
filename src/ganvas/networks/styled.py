"""Parts of StyleGAN's generators: the mapping to styles, and layers that styles change."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganvas.nn import (
    AdaptiveNorm,
    MapNoise,
    ModulatedConv,
    Modulation,
    PixelNorm,
    PlainConv,
    Tracking,
    all_reduce,
    equalised,
    one_hot,
    unrounded,
    widen,
    world_size,
)
from ganvas.nn.equalised import SQRT2
from ganvas.nn.modulated import bounded, rectified

SLOPE = 0.2
"""Of all leaky rectifiers, after each of which stands a factor of √2: here it precedes them."""


class MeanStyle(Tracking):
    """The mean of all styles, w̄: an exponential mean of those of batches.

    Args:
        width: D of styles.
        decay: β, the share of the old mean in the new one.
    """

    value: Tensor

    def __init__(self, width: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("value", torch.zeros(width))

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        """Take up the styles (N, D) of a batch, of all processes."""
        if self.updates:
            mean = all_reduce(widen(w).mean(0)) / world_size()
            self.value.lerp_(mean.to(self.value), 1 - self.decay)


class Mapping(nn.Module):
    """z (N, latent) [, conditions (N, K)] → norm → fully connected layers → w (N, width).

    Args:
        latent: width of z.
        width: D of styles.
        depth: of how many layers.
        rate: how fast they learn.
        classes: K, how many numbers conditions are; 0 without.
        joined: conditions are a matrix times them, beside z before both are normalised as one, as
            in the first code; else they are embedded, and normalised on their own.
    """

    def __init__(
        self, latent: int, width: int, depth: int, rate: float, classes: int, joined: bool
    ) -> None:
        super().__init__()
        self.classes, self.joined = classes, joined
        self.norm = PixelNorm()
        self.embed = None
        told = 0
        if classes:
            told = latent if joined else width
            self.embed = nn.Linear(classes, told, bias=not joined)
            if joined:
                nn.init.normal_(self.embed.weight)
            else:
                equalised(self.embed, gain=1.0)
        inputs = [latent + told] + [width] * (depth - 1)
        self.layers = nn.ModuleList(
            equalised(nn.Linear(few, width), SQRT2, rate=rate, bias_gain=SQRT2) for few in inputs
        )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return styles (N, D), of conditions as classes (N,) or rows (N, K) if there are any."""
        h = self.norm(z) if not (self.embed and self.joined) else z
        if self.embed is not None:
            assert y is not None
            told = self.embed(one_hot(y, self.classes, z.dtype))
            h = torch.cat([h, told if self.joined else self.norm(told)], dim=1)
            if self.joined:
                h = self.norm(h)
        for layer in self.layers:
            h = rectified(layer(h), SLOPE)
        return h


def affine(width: int, outputs: int, bias: float = 1.0) -> nn.Linear:
    """Return the layer A of a style (N, D): it begins around ``bias``."""
    layer = equalised(nn.Linear(width, outputs), gain=1.0)
    with torch.no_grad():
        layer.bias.fill_(bias)
    return layer


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, rectifier.

    Args:
        inputs, outputs: channels.
        size: (height, width) of the output.
        width: D of styles.
        up: doubles each side.
        demodulate: whether weights are.
        modulation: how styles reach weights.
        noise: whether there is any.
        limit: absolute values of maps in bfloat16 are at most this; None for any.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: tuple[int, int],
        width: int,
        *,
        up: bool,
        demodulate: bool = True,
        modulation: Modulation = "scaled",
        noise: bool = True,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self.affine = affine(width, inputs)
        conv = ModulatedConv(
            inputs, outputs, 3, up=up, demodulate=demodulate, gain=SQRT2, modulation=modulation
        )
        self.conv = equalised(conv, gain=1.0)
        self.noise = MapNoise(size, gain=SQRT2) if noise else None
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.limit = limit

    def forward(self, x: Tensor, w: Tensor, given: Tensor | None = None) -> Tensor:
        """Return maps of maps, styles (N, D), and a noise map if one is given."""
        x = self.conv(x, styled(self.affine, w))
        if self.noise is not None:
            x = self.noise(x, given)
        return rectified(x + on_maps(self.bias * SQRT2, x), SLOPE, self.limit)


class AdaptiveConv(nn.Module):
    """Convolution, noise, bias, rectifier, norm, style: the layer of StyleGAN's first version.

    Args:
        inputs, outputs: channels; without inputs maps enter as they are.
        size: (height, width) of the output.
        width: D of styles.
        up: doubles each side.
        noise: whether there is any.
    """

    def __init__(
        self, inputs: int, outputs: int, size: tuple[int, int], width: int, *, up: bool, noise: bool
    ) -> None:
        super().__init__()
        self.affine = affine(width, 2 * outputs, bias=0.0)
        conv = PlainConv(inputs, outputs, 3, up=up) if inputs else None
        self.conv = None if conv is None else equalised(conv, gain=SQRT2)
        self.noise = MapNoise(size, channels=outputs, gain=SQRT2) if noise else None
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.norm = AdaptiveNorm()

    def forward(self, x: Tensor, w: Tensor, given: Tensor | None = None) -> Tensor:
        """Return maps of maps, styles (N, D), and a noise map if one is given."""
        if self.conv is not None:
            x = self.conv(x)
        if self.noise is not None:
            x = self.noise(x, given)
        x = rectified(x + on_maps(self.bias * SQRT2, x), SLOPE)
        return self.norm(x, styled(self.affine, w))


class ToImage(nn.Module):
    """Modulated 1×1 convolution, never demodulated, and a bias: an image's share of a level.

    Args:
        inputs: channels of maps.
        channels: of images.
        width: D of styles; 0 for a plain convolution, which heeds none.
        modulation: how styles reach weights.
        limit: as of `StyledConv`.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        width: int,
        modulation: Modulation = "scaled",
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self.affine = affine(width, inputs) if width else None
        kind = ModulatedConv(inputs, channels, 1, demodulate=False, modulation=modulation)
        self.conv = equalised(kind if width else PlainConv(inputs, channels, 1), gain=1.0)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.limit = limit

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return (N, channels, h, w) of maps and styles (N, D)."""
        x = self.conv(x) if self.affine is None else self.conv(x, styled(self.affine, w))
        return bounded(x + on_maps(self.bias, x), self.limit)


def styled(layer: nn.Linear, w: Tensor) -> Tensor:
    """Return A w + b in the precision of styles, which is never rounded."""
    with unrounded(w):
        return layer(w)


def on_maps(bias: Tensor, maps: Tensor) -> Tensor:
    """Return numbers (C,) as they are added to maps, in their type."""
    return bias.to(maps.dtype)[None, :, None, None]
