"""How alike two images are, pixel by pixel and in their structure.

Images are (N, C, H, W) in [0, 1]. Structural similarity: Wang, Bovik, Sheikh & Simoncelli 2004.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SIGMA = 11, 1.5
"""Pixels of the window in which structure is compared, and its standard deviation."""
SMALL = (0.01**2, 0.03**2)
"""What keeps quotients finite: K₁² and K₂², of a range of 1."""


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Return −10 log₁₀ of the mean squared difference of each pair, (N,) in dB; ∞ of equal ones."""
    return -10 * (first - second).double().square().flatten(1).mean(1).log10()


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean structural similarity of each pair, (N,) in [−1, 1]; 1 of equal ones.

    Over all places of the window within an image, and channels; images smaller than the window
    have one of the largest odd size that they hold.
    """
    channels, *sides = first.shape[1:]
    edge = min(WINDOW, *(side - 1 + side % 2 for side in sides))
    away = torch.arange(edge, dtype=torch.float64, device=first.device) - edge // 2
    line = torch.exp(-(away**2) / (2 * SIGMA**2))
    window = torch.outer(line, line) / line.sum() ** 2
    weight = window.expand(channels, 1, edge, edge)
    x, y = first.double(), second.double()
    products = torch.cat([x, y, x * x, y * y, x * y])
    means = F.conv2d(products, weight, groups=channels)
    mean_x, mean_y, xx, yy, xy = means.chunk(5)
    light = (2 * mean_x * mean_y + SMALL[0]) / (mean_x**2 + mean_y**2 + SMALL[0])
    spread = xx - mean_x**2 + yy - mean_y**2
    structure = (2 * (xy - mean_x * mean_y) + SMALL[1]) / (spread + SMALL[1])
    return (light * structure).flatten(1).mean(1)
