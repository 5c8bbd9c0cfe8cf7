"""What moves in clips, and how: colours that stay, things that are followed, backgrounds at rest.

Clips are (N, C, T, H, W) in [0, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
import torch
from torch import Tensor
from torch.nn import functional as F

LEVELS = 255.0
"""Colours are told in levels of 0 to 255."""
INTERIOR = 0.9
"""Of a frame's largest distance from the background, that of what is surely inside a thing."""
VISIBLE = 0.15
"""Of the range of levels: less is background."""
FEWEST = 4
"""Pixels of a thing in a frame, at least."""
RESTING = 0.15
"""Of the range of levels: a pixel that never varies more is at rest."""


QUANTILES = 33
"""Of the levels of a channel, by which what clips show is compared."""
GRID = 8
"""Times, rows and columns in which it is told where something changes."""


def shown(clips: Tensor) -> Tensor:
    """Return what clips show, (N, F): the quantiles of the levels of each channel.

    They know which colours there are and how much of each, and neither where nor when.
    """
    shares = torch.linspace(0, 1, QUANTILES, device=clips.device)
    values = clips.flatten(2)
    if values.shape[2] > 1 << 16:  # more than quantiles are taken of at once
        values = values[:, :, :: -(-values.shape[2] // (1 << 16))]
    return torch.quantile(values, shares, dim=2).permute(1, 2, 0).flatten(1)


def moved(clips: Tensor) -> Tensor:
    """Return how clips move, (N, F): where and when they change, whatever changes and how much.

    Absolute differences of frames, averaged to at most 8×8×8 and brought to length 1; 0 of clips
    that stand still.
    """
    if clips.shape[2] == 1:
        return clips.new_zeros(len(clips), 1)
    where = coarse(clips.mean(1).diff(dim=1).abs()[:, None])
    return where / (where.square().sum(1, keepdim=True).sqrt() + 1e-6)


def coarse(clips: Tensor) -> Tensor:
    """Return clips averaged to at most 8×8×8, as vectors (N, F)."""
    frames, height, width = (min(GRID, side) for side in clips.shape[2:])
    return F.adaptive_avg_pool3d(clips, (frames, height, width)).flatten(1)


class Seen(NamedTuple):
    """Things before a background, frame by frame.

    Attributes:
        colour: mean of the pixels inside, (N, T, C) in levels.
        centre: of all that is visible, (N, T, 2): down and across, as shares of the edges.
        there: whether there is any, (N, T).
        surely: whether enough pixels are inside to tell the colour, (N, T).
    """

    colour: Tensor
    centre: Tensor
    there: Tensor
    surely: Tensor


def foreground(clips: Tensor, background: Tensor | float = 0.0) -> Seen:
    """Return what is seen before a background, (C, H, W) or one number, black by default."""
    height, width = clips.shape[-2:]
    still = torch.as_tensor(background, dtype=clips.dtype, device=clips.device)
    still = still[:, None] if still.dim() == 3 else still
    away = (clips - still).abs().amax(1)  # (N, T, H, W)
    largest = away.flatten(2).amax(2)[..., None, None]
    inside = (away >= INTERIOR * largest) & (away > VISIBLE)
    count = inside.flatten(2).sum(2)
    shown = clips * inside[:, None]
    colour = shown.flatten(3).sum(3).transpose(1, 2) / count.clamp_min(1)[..., None]
    weight = away * (away > VISIBLE)
    total = weight.flatten(2).sum(2)
    down = (torch.arange(height, device=clips.device) + 0.5) / height
    across = (torch.arange(width, device=clips.device) + 0.5) / width
    scale = total.clamp_min(1e-12)
    centre = torch.stack(
        [
            (weight.sum(3) * down).sum(2) / scale,
            (weight.sum(2) * across).sum(2) / scale,
        ],
        dim=2,
    )
    return Seen(colour * LEVELS, centre, total > 0, count >= FEWEST)


def colour_distances(seen: Seen) -> Tensor:
    """Return for each clip the mean distance of the colours of all pairs of its frames, (N,).

    The average content distance of MoCoGAN's paper: 0 where the colour stays. Frames with too few
    pixels of a thing are left out; of a clip with less than two others it is not a number.
    """
    gaps = torch.cdist(seen.colour, seen.colour)
    both = seen.surely[:, :, None] & seen.surely[:, None, :]
    both = both & ~torch.eye(both.shape[1], dtype=torch.bool, device=both.device)
    return (gaps * both).sum((1, 2)) / both.sum((1, 2))  # 0/0 without pairs


class Track(NamedTuple):
    """How things move in some clips.

    Attributes:
        speeds: from frame to frame, where there is a thing in both, (K,), in edges a frame.
        turns: lengths of changes of velocity, where there is one in three in a row, (L,).
        vanished: share of frames without a thing.
    """

    speeds: Tensor
    turns: Tensor
    vanished: float


def track(seen: Seen) -> Track:
    """Return how the centres of what is seen move."""
    steps = seen.centre.diff(dim=1)
    both = seen.there[:, 1:] & seen.there[:, :-1]
    turns = steps.diff(dim=1)
    three = both[:, 1:] & both[:, :-1]
    return Track(
        steps.norm(dim=2)[both],
        turns.norm(dim=2)[three],
        float((~seen.there).double().mean()),
    )


def wasserstein(a: Tensor, b: Tensor) -> float:
    """Return W1 of two samples of numbers; infinite if one is empty."""
    if not len(a) or not len(b):
        return float("inf")
    first, second = (np.asarray(x.cpu(), np.float64) for x in (a, b))
    return float(scipy.stats.wasserstein_distance(first, second))


def moving(clips: Tensor) -> Tensor:
    """Return where something moves: pixels (N, H, W) that vary by more than a seventh in time."""
    span = clips.amax(2) - clips.amin(2)
    return span.amax(1) > RESTING


def flicker(clips: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return how much pixels at rest change from frame to frame, and of how many it was told.

    Args:
        clips: (N, C, T, H, W).
        mask: where something moves, (N, H, W) bool, or in each frame (N, T, H, W); None: where a
            pixel varies in time.

    Returns:
        Sums over all changes of pixels at rest, in units of the range −1 to 1, and their number.
    """
    change = 2 * clips.diff(dim=2).abs().mean(1)  # (N, T − 1, H, W)
    busy = moving(clips) if mask is None else mask
    busy = busy[:, None] if busy.dim() == 3 else busy[:, 1:] | busy[:, :-1]
    rest = (~busy).expand_as(change)
    return (change * rest).sum(), rest.sum()


def mask_iou(mask: Tensor, truth: Tensor) -> Tensor:
    """Return intersection over union of masks (N, T, H, W), at ½, with where things are, (N,).

    1 where both are empty.
    """
    found, wanted = mask > 0.5, truth > 0.5
    both = (found & wanted).flatten(1).sum(1)
    either = (found | wanted).flatten(1).sum(1)
    return torch.where(either > 0, both / either.clamp_min(1), torch.ones_like(both / 1))
