"""Paths between latent vectors: straight, along the sphere, and through many points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from ganvas.errors import UsageError, did_you_mean
from ganvas.given import whole

NEARLY_PARALLEL: Final = 1e-4
"""Angle in radians below which the arc is drawn as its chord: they agree to rounding."""

Blend = Callable[[Tensor, Tensor, Tensor | float], Tensor]


def lerp(start: Tensor, end: Tensor, share: Tensor | float) -> Tensor:
    """Return start + share (end - start), exact at both ends.

    Args:
        start: (..., Z).
        end: (..., Z).
        share: 0 at ``start``, 1 at ``end``; a number, or a tensor that broadcasts with (..., 1).
    """
    t = torch.as_tensor(share, dtype=start.dtype, device=start.device)
    return (1 - t) * start + t * end


def slerp(start: Tensor, end: Tensor, share: Tensor | float) -> Tensor:
    """Return the point on the great arc from ``start`` to ``end`` (Shoemake 1985).

    Direction turns at constant speed and length changes linearly, so that vectors of equal length
    keep it: in many dimensions Gaussian samples lie near a sphere, which a straight line leaves.
    Opposite vectors have no shortest arc; theirs leads through a fixed perpendicular direction.

    Args:
        start: (..., Z), not zero.
        end: (..., Z), not zero.
        share: 0 at ``start``, 1 at ``end``; a number, or a tensor that broadcasts with (..., 1).

    Raises:
        UsageError: a vector is zero, so it has no direction.
    """
    t = torch.as_tensor(share, dtype=start.dtype, device=start.device)
    start_length, end_length = (_length(v) for v in (start, end))
    if not (start_length > 0).all() or not (end_length > 0).all():
        raise UsageError("a zero latent has no direction to turn from; interpolate it with lerp")
    a, b = start / start_length, end / end_length
    # Half the chord gives the angle accurately where the cosine is flat, near 0 and near pi.
    angle = 2 * torch.atan2(_length(a - b), _length(a + b))
    opposite = torch.pi - angle < NEARLY_PARALLEL
    side = torch.where(opposite, _perpendicular(a), b - (a * b).sum(-1, keepdim=True) * a)
    length = _length(side)
    parallel = angle < NEARLY_PARALLEL
    side = side / torch.where(parallel, torch.ones_like(length), length)
    turned = torch.cos(t * angle) * a + torch.sin(t * angle) * side
    direction = torch.where(parallel, (1 - t) * a + t * b, turned)
    return ((1 - t) * start_length + t * end_length) * direction


def _length(vectors: Tensor) -> Tensor:
    """Return the Euclidean norms of (..., Z) vectors, (..., 1)."""
    return vectors.square().sum(-1, keepdim=True).sqrt()


def _perpendicular(unit: Tensor) -> Tensor:
    """Return a vector perpendicular to each unit vector (..., Z), Z > 1: fixed, not random."""
    weakest = unit.abs().argmin(dim=-1, keepdim=True)
    axis = torch.zeros_like(unit).scatter(-1, weakest, 1.0)
    return axis - (axis * unit).sum(-1, keepdim=True) * unit


def line(ends: Tensor, steps: int, how: str = "slerp") -> Tensor:
    """Return ``steps`` latents between two, (2, …), both among them: (steps, …).

    Raises:
        UsageError: there are not two ends, or fewer than two steps.
    """
    if ends.ndim < 2 or len(ends) != 2:
        raise UsageError(f"a line has two ends, (2, Z), got {tuple(ends.shape)}")
    if whole(steps, "steps") < 2:
        raise UsageError(f"an interpolation needs at least 2 steps, not {steps}")
    share = torch.linspace(0, 1, steps, dtype=ends.dtype, device=ends.device).unsqueeze(1)
    start, end = ends.flatten(1)
    return blend(how)(start, end, share).view(-1, *ends.shape[1:])


def square(corners: Tensor, side: int, how: str = "lerp") -> Tensor:
    """Return side × side latents between four, row by row, (side², …); bilinear for "lerp".

    Args:
        corners: (4, …): top left, top right, bottom left, bottom right.
        side: latents along each edge, both corners included.
        how: the way between two latents, along the edges and across.

    Raises:
        UsageError: there are not four corners, or no edge between them.
    """
    if corners.ndim < 2 or len(corners) != 4:
        raise UsageError(f"a square has four corners, (4, Z), got {tuple(corners.shape)}")
    if whole(side, "side") < 2:
        raise UsageError(f"a square needs at least 2 latents along an edge, not {side}")
    between = blend(how)
    share = torch.linspace(0, 1, side, dtype=corners.dtype, device=corners.device).unsqueeze(1)
    flat = corners.flatten(1)
    left, right = (between(flat[i], flat[i + 2], share).unsqueeze(1) for i in (0, 1))
    return between(left, right, share).view(-1, *corners.shape[1:])


BLENDS: Final[dict[str, Blend]] = {"lerp": lerp, "slerp": slerp}
"""The ways to go from one latent to the next: straight, or along the sphere."""


def blend(name: str) -> Blend:
    """Return the interpolation of this name.

    Raises:
        UsageError: there is none.
    """
    if str(name) not in BLENDS:
        raise UsageError(
            f"unknown interpolation '{name}'.{did_you_mean(str(name), BLENDS)} "
            f"Known: {', '.join(BLENDS)}"
        )
    return BLENDS[name]
