"""What clips of one thing on black show: where it goes, its hue, how far clips are from others.

Clips are uint8 (N, T, H, W, C); what is seen in them is `ganvas.metrics.motion.foreground`.
"""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt
import torch

from ganvas.metrics.clips import (
    DYNAMICS,
    RANDOM3D,
    ClipExtractor,
    Components,
    RandomClips,
    extract,
    in_units,
)
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.motion import colour_distances, foreground, track
from ganvas.metrics.vidnets import knowing

Clips = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

DRAWS = 200
"""Bootstrap samples."""
Numbers = npt.NDArray[np.int64]

UP, LEFT, DOWN, RIGHT = range(4)
"""Directions, as moving shapes number them."""


def vanished(clips: Clips) -> float:
    """Return the share of frames with nothing in them."""
    return track(foreground(in_units(clips))).vanished


def speed(clips: Clips) -> float:
    """Return the mean way from frame to frame, in edges."""
    return float(track(foreground(in_units(clips))).speeds.mean())


def places(clips: Clips) -> Floats:
    """Return where things are, down and across as shares of the edges, (N, T, 2); NaN of none."""
    seen = foreground(in_units(clips))
    return torch.where(seen.there[..., None], seen.centre, torch.nan).double().numpy()


def ways(clips: Clips) -> Numbers:
    """Return the direction of each clip; −1 where nothing is seen twice."""
    found = np.full(len(clips), -1)
    for number, path in enumerate(places(clips)):
        at = path[~np.isnan(path[:, 0])]
        if len(at) > 1:
            down, across = at[-1] - at[0]
            sideways = RIGHT if across > 0 else LEFT
            found[number] = sideways if abs(across) > abs(down) else DOWN if down > 0 else UP
    return found


def content_distance(clips: Clips) -> float:
    """Return the mean distance of colours over all unordered pairs of frames of a clip (ACD)."""
    return float(colour_distances(foreground(in_units(clips))).nanmean())


def hues(clips: Clips, cells: int) -> Numbers:
    """Return the nearest of so many hues to each clip's mean colour; −1 where nothing is seen."""
    seen = foreground(in_units(clips))
    found = np.full(len(clips), -1)
    for number, (colour, there) in enumerate(zip(seen.colour, seen.there, strict=True)):
        if there.any():
            hue = colorsys.rgb_to_hsv(*(colour[there].mean(0) / 255).tolist())[0]
            found[number] = round(hue * cells) % cells
    return found


class Distance:
    """Fréchet distances to held-out clips, in the principal components of training clips."""

    def __init__(self, train: Clips, held_out: Clips) -> None:
        self._known = Components(train)
        self._held_out = extract(self._known, held_out).features

    def __call__(self, clips: Clips) -> float:
        """Return that of some clips."""
        return frechet_of_features(self._held_out, extract(self._known, clips).features)


def extractors(name: str, train: Clips) -> list[ClipExtractor]:
    """Return all that clips of a set are compared by; its vidnet only where there is one."""
    known = knowing(name, train.shape[-1])
    looks = [Components(train), RandomClips(RANDOM3D, train), RandomClips(DYNAMICS, train)]
    return [*looks, *([known] if known is not None else [])]


def lead(
    looks: list[ClipExtractor], held_out: Clips, first: Clips, second: Clips, draws: int = DRAWS
) -> dict[str, float | list[float]]:
    """Return how much nearer to held-out clips the first are than the second, by extractor.

    Distances of both are given, and between which two numbers 95 % of bootstrap samples of all
    three sets have what the second's is above the first's: an order stands where both are of one
    sign.
    """
    rng = np.random.default_rng(0)
    row: dict[str, float | list[float]] = {}
    for look in looks:
        sets = [extract(look, clips).features for clips in (held_out, first, second)]
        apart: list[float] = []
        for _ in range(draws):
            real, one, other = (x[torch.from_numpy(rng.integers(0, len(x), len(x)))] for x in sets)
            apart.append(frechet_of_features(real, other) - frechet_of_features(real, one))
        real, one, other = sets
        low, high = np.percentile(apart, [2.5, 97.5])
        row[f"frechet[{look.name}]"] = round(frechet_of_features(real, one), 3)
        row[f"frechet[{look.name}] of the other"] = round(frechet_of_features(real, other), 3)
        row[f"lead[{look.name}], 95 %"] = [round(float(low), 3), round(float(high), 3)]
    return row
