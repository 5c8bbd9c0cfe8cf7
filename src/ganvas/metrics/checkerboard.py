"""Checkerboard artefacts of images: three numbers that tell a pattern with a period of s pixels.

Odena, Dumoulin & Olah 2016 show pictures only; these are their numbers. All look at luminance, at a
mean over a batch, and at no border, where padding leaves marks that are no checkerboard. They are
the same for images with another mean or another contrast. Real data are their yardstick: V is small
where an image has much structure of its own, and R is 1 where there is no pattern.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from ganvas.errors import UsageError

PERIODS = (2, 4)
"""Periods that doublings leave: that of the last layer, and that of the last two."""
BORDER = 4
"""Pixels that are not looked at, along each side; an eighth of it where an image has under 32."""
WINDOW = 2
"""Bins to each side with which a peak of the spectrum is compared."""
CLEAR = 4.0
"""From this R on there is a pattern, if real data have not a quarter of it."""

RED, GREEN, BLUE = 0.299, 0.587, 0.114


class Pattern(NamedTuple):
    """What there is of a pattern with one period.

    Attributes:
        variance: V, variance of the means of the s×s phases over that of the image, mean of all
            images; 0: none. Of white noise it is (s² − 1)/HW.
        energy: E, largest over smallest variance of a phase, over all images; 1: none.
        peak: R, power at the period's frequencies over that of the bins around them; 1: none.
    """

    variance: float
    energy: float
    peak: float

    def clearer_than(self, real: Pattern | None) -> bool:
        """Whether a peak stands out, above what real images have."""
        return self.peak >= CLEAR * max(1.0, real.peak if real is not None else 1.0)


def patterns(
    images: Tensor, periods: Sequence[int] = PERIODS, border: int | None = None
) -> dict[int, Pattern]:
    """Return the pattern of each period in images (N, C, H, W) of any units.

    Args:
        images: grey, RGB or RGBA, whose alpha is not looked at; of other channels the mean.
        periods: of the patterns; those are left out for which the images are too small.
        border: pixels cut off each side; None: `BORDER`, or less of small images.

    Raises:
        UsageError: these are no images.
    """
    grey = inner(luminance(images), border)
    fitting = (s for s in periods if min(grey.shape[1:]) >= 2 * s)
    return {period: _pattern(trimmed(grey, period), period) for period in fitting}


def luminance(images: Tensor) -> Tensor:
    """Return (N, H, W) in double precision.

    Raises:
        UsageError: these are no images (N, C, H, W).
    """
    if images.dim() != 4 or not len(images):
        raise UsageError(
            f"a checkerboard is looked for in images (N, C, H, W), not in {tuple(images.shape)}"
        )
    x = images.double()
    if x.shape[1] in (3, 4):
        return RED * x[:, 0] + GREEN * x[:, 1] + BLUE * x[:, 2]
    return x.mean(1)


def inner(x: Tensor, border: int | None = None) -> Tensor:
    """Return maps (N, H, W) without a border."""
    if border is None:
        border = min(BORDER, min(x.shape[1:]) // 8)
    return x[:, border : x.shape[1] - border, border : x.shape[2] - border]


def trimmed(x: Tensor, period: int) -> Tensor:
    """Return maps (N, H, W) whose sides are multiples of a period."""
    height, width = (side // period * period for side in x.shape[1:])
    return x[:, :height, :width]


def phases(x: Tensor, period: int) -> Tensor:
    """Return maps (N, H, W) by phase: (N, s², pixels)."""
    n, height, width = x.shape
    split = x.reshape(n, height // period, period, width // period, period)
    return split.permute(0, 2, 4, 1, 3).reshape(len(x), period**2, -1)


def spectrum(x: Tensor) -> Tensor:
    """Return the mean power spectrum (H, W) of maps (N, H, W) less their means."""
    waves = cast(Tensor, torch.fft.fft2(x - x.mean((1, 2), keepdim=True)))
    return waves.abs().square().mean(0)


def peak_ratio(power: Tensor, period: int) -> float:
    """Return the largest of a power spectrum's bins of a period, over the mean around it."""
    height, width = power.shape
    bins = [
        (a * height // period, b * width // period) for a in range(period) for b in range(period)
    ]
    near = torch.arange(-WINDOW, WINDOW + 1)
    found = 0.0
    for row, column in bins[1:]:
        around = power[(row + near) % height][:, (column + near) % width]
        own = power[row, column]
        others = (around.sum() - own) / (around.numel() - 1)
        # Of an image without any other structure, or with none at all, rounding is all there is.
        found = max(found, float(own / others.clamp(min=1e-12 * power.mean() + 1e-300)))
    return found


def _pattern(x: Tensor, period: int) -> Pattern:
    parts = phases(x, period)
    spread = x.var((1, 2), correction=0)
    means = parts.mean(2).var(1, correction=0)
    flat = spread <= 1e-20 * (1 + x.square().mean((1, 2)))  # images of one colour have no pattern
    shares = torch.where(flat, torch.zeros_like(means), means / spread.clamp(min=1e-300))
    moments = parts.transpose(0, 1).flatten(1).var(1, correction=0)
    low, high = float(moments.min()), float(moments.max())
    energy = 1.0 if high == 0 else math.inf if low == 0 else high / low
    return Pattern(float(shares.mean()), energy, peak_ratio(spectrum(x), period))


def deviation(map: Tensor, period: int, border: int | None = None) -> float:
    """Return how unlike the phases are of what a layer makes of a constant map.

    Args:
        map: (C, H, W).
        period: s.
        border: pixels that padding may have marked.

    Returns:
        The root of the variance over phases, over the root of the mean square, of all channels; 0
        for a constant.
    """
    parts = phases(trimmed(inner(map.double(), border), period), period).mean(2)
    scale = parts.square().mean()
    return float((parts.var(1, correction=0).mean() / scale.clamp(min=1e-300)).sqrt())
