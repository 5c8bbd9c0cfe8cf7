"""Measures of clips before a model is scored: floors, noise, frozen, mixed and reversed clips.

A run for each set, at 32×32×16: the Fréchet distance of changed clips from real ones in the
features of each extractor, in units of what real clips are apart. Both are means over parts of real
clips, for one pair of parts may be half or twice as far apart as another, by chance; ``pairs`` has
both ends of that. It falls as one over the number of clips, and what noise is apart does not:
``SET`` has as many clips as the sheet asks for, ``SET, 256 clips`` a quarter. ``oracle`` are as
many more clips by the law of these parts, which is what a perfect generator would draw. ``held
out`` are the clips that are changed, as they are; digits of theirs are others. ``confusion SET``:
of each factor that goes with clips, what the set's own network says of held-out ones, by what is
true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from common import Row
from numpy.typing import NDArray

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.metrics.clips import extract
from ganvas.metrics.frechet import frechet_of_moments
from ganvas.metrics.moments import RunningMoments, moments_of
from ganvas.metrics.of import measures_of
from ganvas.metrics.of.videos import VideoMeasures
from ganvas.metrics.vidnets import SETS as VIDNETS
from ganvas.metrics.vidnets import knowing

MINUTES = 5
SETS = ("shapes", "bouncing_digits")
KNOWN = ("shapes", "bouncing_digits", "sprites", "oscillator")
CLIPS, FEWER = 1024, 256
"""A side."""
PARTS = 4
"""Of real clips, of which each pair is compared."""
TOLD = 512
FRAMES, EDGE = 16, 32
Clips = NDArray[np.uint8]


def noisy(clips: Clips, deviation: float) -> Clips:
    """Return clips with normal noise, a share of the range of levels."""
    noise = np.random.default_rng(7).normal(0, 255 * deviation, clips.shape)
    return np.clip(clips + noise, 0, 255).astype(np.uint8)


def frozen(clips: Clips) -> Clips:
    """Return clips of their first frame."""
    return np.repeat(clips[:, :1], clips.shape[1], axis=1)


def shuffled(clips: Clips) -> Clips:
    """Return clips with their frames in another order, each its own."""
    order = np.random.default_rng(8).permuted(
        np.tile(np.arange(clips.shape[1]), (len(clips), 1)), axis=1
    )
    return np.take_along_axis(clips, order[:, :, None, None, None], axis=1)


def uniform(clips: Clips) -> Clips:
    """Return noise."""
    return np.random.default_rng(9).integers(0, 256, clips.shape, dtype=np.uint8)


CHANGES: dict[str, Callable[[Clips], Clips]] = {
    "held out": lambda clips: clips,
    **{f"noise {d}": partial(noisy, deviation=d) for d in (0.05, 0.1, 0.2, 0.4)},
    "frozen": frozen,
    "shuffled": shuffled,
    "reversed": lambda clips: np.ascontiguousarray(clips[:, ::-1]),
    "uniform": uniform,
}


def ladder(name: str, count: int) -> Row:
    """Return distances of changed clips over the floor, by extractor."""
    variant = {"clips": (PARTS + 1) * count, "held_out": count}
    source = open_data(DataSettings(source=name, frames=FRAMES, size=EDGE, variant=variant))
    its = measures_of(source)
    assert isinstance(its, VideoMeasures)
    train, fresh = source.items("train").x[:], source.items("test").x[:]
    row: Row = {"clips": count}
    for extractor in its.extractors:

        def moments(clips: Clips, e=extractor) -> RunningMoments:
            return moments_of(extract(e, clips).features)

        parts = [moments(train[k * count : (k + 1) * count]) for k in range(PARTS)]
        apart = [frechet_of_moments(a, b) for a, b in combinations(parts, 2)]
        floor = sum(apart) / len(apart)
        row[f"{extractor.name} floor"] = float(f"{floor:.3g}")
        row[f"{extractor.name} pairs"] = [float(f"{end(apart) / floor:.3g}") for end in (min, max)]
        changed = {change: make(fresh) for change, make in CHANGES.items()}
        for change, clips in {"oracle": train[PARTS * count :], **changed}.items():
            found = moments(clips)
            distance = sum(frechet_of_moments(found, part) for part in parts) / PARTS
            row[f"{extractor.name} {change}"] = float(f"{distance / floor:.3g}")
    return row


def confusion(name: str) -> Row:
    """Return a matrix for each factor: a row for each value, of how often which one is told."""
    variant = {**VIDNETS[name].variant, "clips": 2, "held_out": TOLD}
    source = open_data(DataSettings(source=name, frames=FRAMES, size=EDGE, variant=variant))
    items = source.items("test")
    clips = np.asarray(items.x[:])
    known = knowing(name, clips.shape[-1])
    assert known is not None
    row: Row = {"clips": len(clips)}
    for factor, said in extract(known, clips).told.items():
        if factor in items:
            matrix = np.zeros((said.shape[1], said.shape[1]), int)
            np.add.at(matrix, (np.ravel(items[factor][:]), said.argmax(1).numpy()), 1)
            row[factor] = matrix.tolist()
    return row


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    del work
    for name in SETS:
        yield name, partial(ladder, name, CLIPS)
        yield f"{name}, {FEWER} clips", partial(ladder, name, FEWER)
    for name in KNOWN:
        yield f"confusion {name}", partial(confusion, name)
