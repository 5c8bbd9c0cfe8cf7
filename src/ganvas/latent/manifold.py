"""Regular grids over a space of latents, for pictures of everything that a model can show."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import UsageError


def plane_grid(edge: int, width: int) -> Tensor:
    """Return edge² latents (edge², width), row by row, at equal steps of normal probability.

    The first two coordinates are the quantiles (i + ½)/edge of N(0, 1), the second falling from
    row to row; further ones are 0, and of a width of 1 there is one row.
    """
    shares = (torch.arange(edge, dtype=torch.float64) + 0.5) / edge
    steps = torch.distributions.Normal(0.0, 1.0).icdf(shares).float()
    rows = torch.zeros(1) if width == 1 else steps.flip(0)
    up, across = torch.meshgrid(rows, steps, indexing="ij")
    return _padded([across, up][:width], width)


def sphere_grid(edge: int, width: int) -> Tensor:
    """Return points (n, width) of the unit sphere, row by row.

    Of the circle: edge² equal steps around it. Of the sphere: edge rows from north to south at
    equal steps of area, of edge equal steps in longitude. Of higher spheres: the equator on
    which all further coordinates are 0.

    Raises:
        UsageError: width is below 2, for which there is no sphere.
    """
    if width < 2:
        raise UsageError(f"a sphere lies in two dimensions or more, not {width}")
    if width == 2:
        angle = 2 * math.pi * torch.arange(edge**2) / edge**2
        return torch.stack([angle.cos(), angle.sin()], dim=1)
    height = 1 - (2 * torch.arange(edge) + 1) / edge
    longitude = 2 * math.pi * (torch.arange(edge) + 0.5) / edge - math.pi
    z, angle = torch.meshgrid(height, longitude, indexing="ij")
    radius = (1 - z.square()).sqrt()
    return _padded([radius * angle.cos(), radius * angle.sin(), z], width)


def _padded(axes: list[Tensor], width: int) -> Tensor:
    grid = torch.stack([axis.flatten() for axis in axes], dim=1)
    return torch.nn.functional.pad(grid, (0, width - grid.shape[1]))
