"""Images under affine maps without aliasing, and by frequency bands; differentiable twice.

Images are extended by reflections at their borders. A map of pixels onto pixels moves them as they
are; under any other, images are resampled at twice their resolution between two low-pass filters,
the wavelet sym6 and its mirror, whose cascade is the identity (Karras et al. 2020, appendix B). All
of it is linear in the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

aten: Any = torch.ops.aten  # pyright: ignore[reportUnknownMemberType]

SYM6: Final = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633),
    *(0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252),
    *(-0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
)
"""Daubechies' least asymmetric wavelet of six vanishing moments: its low-pass filter."""
SYM2: Final = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
"""That of two."""

MARGIN: Final = len(SYM6) // 4
"""Pixels beyond each side that the filters reach, on the coarse grid."""
WHOLE: Final = 1e-4
"""How near a place must be to a pixel's centre to be one."""


def folded(places: Tensor, side: int) -> Tensor:
    """Return any whole places as those in 0 … side − 1 that they are mirrored at the ends to."""
    period = max(2 * (side - 1), 1)
    places = places.remainder(period)
    return torch.minimum(places, (period - places).abs()).clamp_max(side - 1)


# ---- affine maps --------------------------------------------------------------------------------


def warped(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images (N, C, H, W), each under an affine map of its own.

    Args:
        x: images.
        inverse: (N, 2, 3), from pixels of the result to those of x, as (across, down, 1) about
            their middle.
    """
    moves = whole(inverse, *x.shape[2:])
    exact = permuted(x, torch.where(moves[:, None, None], inverse, _identity(inverse)))
    return changed_rows(x, ~moves, lambda some, at: resampled(some, inverse[at]), exact)


def whole(inverse: Tensor, height: int, width: int) -> Tensor:
    """Return which maps (N, 2, 3) lead from every pixel to a pixel: (N,)."""
    corner = inverse.new_tensor([(1 - width) / 2, (1 - height) / 2, 1.0])
    first = inverse @ corner - corner[:2]
    parts = torch.cat([inverse[:, :, :2].flatten(1), first], 1)
    return ((parts - parts.round()).abs() < WHOLE).all(1)


def permuted(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images under maps that are whole: each pixel is one of theirs."""
    n, channels, height, width = x.shape
    across, down = _centred(height, width, inverse)
    told = torch.stack([across, down, torch.ones_like(across)])
    source = inverse.flatten(0, 1) @ told.flatten(1)
    source = source.view(n, 2, height * width)
    columns = folded((source[:, 0] + (width - 1) / 2).round().long(), width)
    rows = folded((source[:, 1] + (height - 1) / 2).round().long(), height)
    at = (rows * width + columns)[:, None].expand(-1, channels, -1)
    return x.flatten(2).gather(2, at).view_as(x)


def resampled(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images under any maps: doubled, sampled bilinearly, halved."""
    n, channels, height, width = x.shape
    half = inverse.new_tensor([(width - 1) / 2, (height - 1) / 2])
    signs = torch.cartesian_prod(*(half.new_tensor([-1.0, 1.0]),) * 2)
    corners = torch.cat([signs * (half + MARGIN + 0.5), half.new_ones(4, 1)], 1)
    reach = (inverse @ corners.T).abs().amax((0, 2)) + MARGIN + 1 - half
    more_across, more_down = (max(math.ceil(float(pixels)), 0) for pixels in reach)
    tall, wide = doubling(height, more_down, x), doubling(width, more_across, x)
    fine = tall @ x @ wide.T
    # The pixel (u, v) of the fine grid, about its middle, lies at (u/2 + ¼, v/2 + ¼) of the coarse.
    linear = inverse[:, :, :2]
    quarter = linear.sum(2) / 4 + inverse[:, :, 2] - 0.25
    shape = (n, channels, 2 * (height + 2 * MARGIN), 2 * (width + 2 * MARGIN))
    sizes = inverse.new_tensor([fine.shape[3], fine.shape[2]])
    asked = inverse.new_tensor([shape[3], shape[2]])
    theta = torch.cat([linear * asked, 4 * quarter[:, :, None]], 2) / sizes[:, None]
    grid = F.affine_grid(theta.to(x.dtype), list(shape), align_corners=False)
    return halving(height, x) @ sampled(fine, grid) @ halving(width, x).T


def doubling(side: int, more: int, like: Tensor) -> Tensor:
    """Return the matrix (2(side + 2·more), side) that mirrors, doubles and filters."""
    taps = len(SYM6)
    fine = torch.arange(2 * (side + 2 * more), device=like.device)
    place = fine[:, None] + taps // 2 - 1 - torch.arange(taps, device=like.device)
    there = (place % 2 == 0) & (place >= 0) & (place < len(fine))
    source = folded(place.div(2, rounding_mode="floor") - more, side)
    weights = math.sqrt(2) * like.new_tensor(SYM6) * there
    return like.new_zeros(len(fine), side).scatter_add_(1, source, weights)


def halving(side: int, like: Tensor) -> Tensor:
    """Return the matrix (side, 2(side + 2·MARGIN)) that filters by the mirror image, and halves."""
    taps = len(SYM6)
    place = 2 * torch.arange(side, device=like.device)[:, None] + 1
    place = place + torch.arange(taps, device=like.device)
    weights = (like.new_tensor(SYM6) / math.sqrt(2)).expand(side, taps)
    return like.new_zeros(side, 2 * (side + 2 * MARGIN)).scatter_add_(1, place, weights)


def sampled(x: Tensor, grid: Tensor) -> Tensor:
    """Return what `torch.nn.functional.grid_sample` does of images, 0 outside of them.

    It has derivatives of any order by x, and none by the grid (N, H, W, 2).
    """
    return cast(Tensor, _Sample.apply(x, grid))


class _Sample(Function):
    """Takes values from places between pixels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = x.shape
        return F.grid_sample(x, grid, align_corners=False)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return cast(Tensor, _Spread.apply(grads[0], grid, ctx.shape)), None


class _Spread(Function):
    """Its transpose: adds values to the pixels around their places."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        zeros = g.new_zeros(shape)  # only its shape counts
        return aten.grid_sampler_2d_backward(g, zeros, grid, 0, 0, False, [True, False])[0]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return sampled(grads[0], grid), None, None


# ---- frequency bands ----------------------------------------------------------------------------


def band_filters(count: int) -> Tensor:
    """Return filters (count, taps) of octaves, lowest first, that add up to the identity.

    The low-pass filter H(z)H(1/z)/2 of sym2 splits the band below again and again.
    """
    low = torch.tensor(SYM2, dtype=torch.float64)
    high = low * (-1.0) ** torch.arange(len(low))
    low, high = (_convolved(one, one.flip(0)) / 2 for one in (low, high))
    bank = torch.eye(count, 1, dtype=torch.float64)
    for band in range(1, count):
        wider = torch.zeros(count, 2 * bank.shape[1] - 1, dtype=torch.float64)
        wider[:, ::2] = bank
        bank = torch.stack([_convolved(row, low) for row in wider])
        start = (bank.shape[1] - len(high)) // 2
        bank[band, start : start + len(high)] += high
    return bank


def banded(x: Tensor, kernels: Tensor) -> Tensor:
    """Return images (N, C, H, W) filtered along both axes, each by its own kernel, (N, odd)."""
    tall, wide = (_as_matrices(kernels.to(x.dtype), side)[:, None] for side in x.shape[2:])
    return tall @ x @ wide.mT


def _as_matrices(kernels: Tensor, side: int) -> Tensor:
    """Return the matrices (N, side, side) of symmetric kernels (N, taps), mirrored at the ends."""
    n, taps = kernels.shape
    place = torch.arange(side, device=kernels.device)[:, None]
    place = folded(place + torch.arange(taps, device=kernels.device) - taps // 2, side)
    shape = (n, side, taps)
    zeros = kernels.new_zeros(n, side, side)
    return zeros.scatter_add(2, place.expand(shape), kernels[:, None].expand(shape))


# ---- helpers ------------------------------------------------------------------------------------


def changed_rows(
    x: Tensor,
    rows: Tensor,
    change: Callable[[Tensor, Tensor], Tensor],
    others: Tensor | None = None,
) -> Tensor:
    """Return x (N, …) with ``change(x[at], at)`` in its rows (N,) that are true.

    The rest is that of ``others``, by default of x, bit for bit, and costs nothing.
    """
    others = x if others is None else others
    at = rows.nonzero().squeeze(1)
    if not len(at):
        return others
    return others.index_copy(0, at, change(x.index_select(0, at), at))


def _centred(height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far across and down each pixel lies from the middle, (height, width) each."""
    down, across = (
        torch.arange(side, dtype=like.dtype, device=like.device) - (side - 1) / 2
        for side in (height, width)
    )
    return across.expand(height, width), down[:, None].expand(height, width)


def _identity(inverse: Tensor) -> Tensor:
    return torch.eye(2, 3, dtype=inverse.dtype, device=inverse.device).expand_as(inverse)


def _convolved(a: Tensor, b: Tensor) -> Tensor:
    """Return the full convolution of two sequences."""
    return F.conv1d(a[None, None], b.flip(0)[None, None], padding=len(b) - 1)[0, 0]
