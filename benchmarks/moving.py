"""What clips of one thing on black show, by closed formulae: where it is, its colour, its way.

Clips are uint8 (N, T, H, W, C). A frame's foreground is what has 0.9 of its brightest level, if
that is above 38 (0.15 of the range): the inside of a shape, without half-covered edges.
"""

from __future__ import annotations

import colorsys
from itertools import combinations

import numpy as np
import numpy.typing as npt

Clips = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

SEEN = 38
UP, LEFT, DOWN, RIGHT = range(4)


def inside(clips: Clips) -> npt.NDArray[np.bool_]:
    """Return where the foreground is, (N, T, H, W)."""
    light = clips.max(-1)
    most = light.max((2, 3), keepdims=True)
    return (light >= 0.9 * most) & (most > SEEN)


def vanished(clips: Clips) -> float:
    """Return the share of frames with nothing in them."""
    return float((clips.max((2, 3, 4)) <= SEEN).mean())


def places(clips: Clips) -> Floats:
    """Return the centre of light of each frame, across and down, (N, T, 2); NaN of none."""
    light = clips.max(-1).astype(np.float64)
    light[light <= SEEN] = 0
    total = light.sum((2, 3))
    total[total == 0] = np.nan
    rows, columns = np.arange(clips.shape[2]), np.arange(clips.shape[3])
    across = (light.sum(2) * columns).sum(2) / total
    down = (light.sum(3) * rows).sum(2) / total
    return np.stack([across, down], -1)


def speeds(clips: Clips) -> Floats:
    """Return how far the centre moves from frame to frame, in pixels, (N, T − 1)."""
    return np.linalg.norm(np.diff(places(clips), axis=1), axis=-1)


def ways(clips: Clips) -> Numbers:
    """Return the direction of each clip; −1 where nothing is seen twice."""
    found = np.full(len(clips), -1)
    for number, path in enumerate(places(clips)):
        seen = path[~np.isnan(path[:, 0])]
        if len(seen) < 2:
            continue
        across, down = seen[-1] - seen[0]
        if abs(across) > abs(down):
            found[number] = RIGHT if across > 0 else LEFT
        else:
            found[number] = DOWN if down > 0 else UP
    return found


def colours(clips: Clips) -> Floats:
    """Return the mean colour of each frame's foreground, (N, T, 3); NaN of none."""
    mask = inside(clips)[..., None]
    count = mask.sum((2, 3)).astype(np.float64)
    count[count == 0] = np.nan
    return (clips * mask).sum((2, 3)) / count


def content_distance(clips: Clips) -> float:
    """Return the mean distance of colours over all unordered pairs of frames of a clip (ACD)."""
    found = colours(clips)
    pairs = [found[:, a] - found[:, b] for a, b in combinations(range(found.shape[1]), 2)]
    return float(np.nanmean(np.linalg.norm(np.stack(pairs, 1), axis=-1)))


def hues(clips: Clips, cells: int) -> Numbers:
    """Return the nearest of so many hues to each clip's mean colour; −1 where nothing is seen."""
    seen = colours(clips)
    found = np.full(len(clips), -1)
    for number, frames in enumerate(seen):
        frames = frames[~np.isnan(frames[:, 0])]
        if len(frames):
            hue = colorsys.rgb_to_hsv(*(frames.mean(0) / 255))[0]
            found[number] = round(hue * cells) % cells
    return found


def pooled(clips: Clips, cells: int = 8) -> Floats:
    """Return means over cells of time and space, (N, cells³·C), in [0, 1]."""
    n, frames, height, width, channels = clips.shape
    shape = (n, cells, frames // cells, cells, height // cells, cells, width // cells, channels)
    used = clips[:, : shape[1] * shape[2], : shape[3] * shape[4], : shape[5] * shape[6]]
    return used.reshape(shape).mean((2, 4, 6)).reshape(n, -1) / 255


class Components:
    """The 64 principal components of pooled real clips, as features of any."""

    def __init__(self, real: Clips, count: int = 64) -> None:
        from sklearn.decomposition import PCA

        self._fit = PCA(count, random_state=0).fit(pooled(real))

    def __call__(self, clips: Clips) -> Floats:
        """Return features (N, 64)."""
        return self._fit.transform(pooled(clips))
