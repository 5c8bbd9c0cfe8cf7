"""What a network wants to see: pictures that raise one of its numbers, fixed or jittered.

The gradient that a strided layer sends to pixels has a pattern of its own, which an ascent at a
fixed place adds up. Where the picture is rolled to a random place before every step, a pattern with
a period within the rolls averages out (Mordvintsev et al. 2015; Odena et al. 2016).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganvas.nn import gradient_map

JITTER = 8
"""Pixels by which a picture is rolled at most, each way."""


def visualise(
    wanted: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    *,
    steps: int = 64,
    rate: float = 0.05,
    jitter: int = JITTER,
    seed: int = 0,
) -> Tensor:
    """Return pictures (N, C, H, W) in [−1, 1] that raise a number, by gradient ascent.

    Args:
        wanted: gives the number (N,) of pictures.
        shape: theirs, (N, C, H, W).
        steps: how many.
        rate: by which a step changes a pixel, root mean square.
        jitter: pixels by which pictures are rolled before each step, at most, and rolled back
            after it; they wrap around, so that borders have seams. 0: fixed.
        seed: of the first picture and of the rolls.
    """
    rng = torch.Generator().manual_seed(seed)
    x = 0.1 * torch.randn(shape, generator=rng)
    for _ in range(steps):
        rows, columns = map(int, torch.randint(-jitter, jitter + 1, (2,), generator=rng))
        moved = rolled(x, rows, columns)
        slope = gradient_map(wanted, moved)
        size = slope.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-12)
        x = rolled(moved + rate * slope / size, -rows, -columns).clamp(-1, 1)
    return x


def rolled(x: Tensor, rows: int, columns: int) -> Tensor:
    """Return pictures moved down and right by so many pixels, around the borders."""
    return x.roll((rows, columns), (-2, -1))
