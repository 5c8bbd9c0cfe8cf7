"""Whether fine detail moves with what it is a detail of, or clings to the grid of pixels.

Source: Karras et al. 2020, Fig. 6: generators that grew prefer some places for details, so that
teeth stay where they are while a face turns. In the paper that is seen, not measured: here coarse
and fine parts of images are followed along ways that move an object, each by itself.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.metrics.checkerboard import luminance

SHARE: Final = 1 / 16
"""Deviation of the Gaussian that parts coarse from fine, as a share of the longer side."""
REACH: Final = 3
"""Deviations to which it goes."""
SLOPE: Final = (-1 / 60, 9 / 60, -45 / 60, 0.0, 45 / 60, -9 / 60, 1 / 60)
"""A derivative that is right to 7 % for waves of four pixels; two taps would miss a third."""
EDGE: Final = len(SLOPE) // 2
TINY: Final = 1e-12


class Phase(NamedTuple):
    """How detail follows what it is a detail of.

    Attributes:
        correlation: of its place with that of the coarse part, over all steps and both axes.
        slope: pixels that it moves for each that the coarse part moves; 0: it clings to the grid.
        travel: how far the coarse part goes on a way, root of the mean square, in pixels.
    """

    correlation: float
    slope: float
    travel: float


def phase(frames: Tensor) -> Phase:
    """Return how detail follows, for frames (N, T, C, H, W) of N ways, in small steps.

    Nothing is told of ways on which nothing moves: the correlation is then 0.
    """
    grey = luminance(frames.flatten(0, 1).double()).view(*frames.shape[:2], *frames.shape[3:])
    coarse = blurred(grey.flatten(0, 1), SHARE * max(frames.shape[3:])).view_as(grey)
    whole, fine = places(coarse), places(grey - coarse)
    product, square = (whole * fine).sum(), whole.square().sum().clamp_min(TINY)
    correlation = product / (square * fine.square().sum()).clamp_min(TINY).sqrt()
    travel = (whole.square().sum(2)).mean().sqrt()
    return Phase(float(correlation), float(product / square), float(travel))


def places(maps: Tensor) -> Tensor:
    """Return where maps (N, T, H, W) are along their ways, (N, T, 2) in pixels, of mean 0."""
    pairs = zip(maps[:, :-1].unbind(1), maps[:, 1:].unbind(1), strict=True)
    steps = torch.stack([shifts(a, b) for a, b in pairs], 1)
    path = F.pad(steps.cumsum(1), (0, 0, 1, 0))
    return path - path.mean(1, keepdim=True)


def shifts(a: Tensor, b: Tensor) -> Tensor:
    """Return by how many pixels maps a (N, H, W) are moved in b, down and across, (N, 2).

    The one shift v that explains most: least squares of a − b = ⟨∇(a + b)/2, v⟩ over all pixels.
    """
    middle, inner = (a + b)[:, None] / 2, slice(EDGE, -EDGE)
    taps = torch.tensor(SLOPE, dtype=a.dtype, device=a.device)
    down = F.conv2d(middle[..., inner], taps.view(1, 1, -1, 1))
    across = F.conv2d(middle[:, :, inner], taps.view(1, 1, 1, -1))
    slopes = torch.cat([down, across], 1).flatten(2)  # (N, 2, pixels)
    change = (a - b)[:, inner, inner]
    normal = slopes @ slopes.transpose(1, 2)
    ridge = TINY + 1e-9 * normal.diagonal(dim1=1, dim2=2).sum(1)
    normal = normal + ridge[:, None, None] * torch.eye(2, dtype=a.dtype, device=a.device)
    linear: Any = torch.linalg
    return cast(Tensor, linear.solve(normal, slopes @ change.flatten(1)[:, :, None]))[:, :, 0]


def blurred(x: Tensor, deviation: float) -> Tensor:
    """Return maps (N, H, W) through a Gaussian; beyond the border stands what stands there."""
    reach = max(1, round(REACH * deviation))
    at = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    taps = torch.exp(-at.square() / (2 * deviation**2))
    taps = taps / taps.sum()
    padded = F.pad(x[:, None], (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, taps.view(1, 1, -1, 1))
    return F.conv2d(rows, taps.view(1, 1, 1, -1))[:, 0]
