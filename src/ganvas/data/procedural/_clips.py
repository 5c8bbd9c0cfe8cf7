"""What sets of clips made by code have in common: each clip is a function of a seed and its number.

A clip's chances are a row of numbers in [0, 1), drawn row by row, so that the first clips are the
same however many there are. What they mean is up to the set; so is the picture at each time.
"""

from __future__ import annotations

import colorsys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ganvas.config import Settings
from ganvas.data.cache import Cache, key_of, user_cache
from ganvas.data.domain import Domain
from ganvas.data.domains.classes import Classes
from ganvas.data.items import Collection, Items
from ganvas.data.mapped import LazyRows
from ganvas.data.progress import Progress
from ganvas.data.records import LABEL
from ganvas.data.settings import DataSettings
from ganvas.data.video_options import FRAMES
from ganvas.errors import UsageError
from ganvas.slices import slices

KIND = "videos"
SIZE = 32
SEEDS = {"train": 0, "unseen": 3, "test": 2}
PART = 61
"""Keeps the numbers of these sets apart from those of any other with such seeds."""
CHUNK = 32
"""Clips that are made at a time."""
KEPT = 256 * 2**20
"""Sets of more bytes are made anew whenever they are looked at."""

Array8 = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


class ClipVariant(Settings):
    """What every such set can be told.

    Attributes:
        clips: how many there are to train on.
        held_out: and how many more there are in each other split.
    """

    clips: int = Field(default=4000, ge=2)
    held_out: int = Field(default=1024, ge=2)


class Clips(ABC):
    """Clips as the numbers that they are made of.

    Args:
        chances: (N, `CHANCES`) in [0, 1).
        variant: what the set was told.
        frames, size: of a clip.
        split: of which they are.

    Attributes:
        Variant: what such a set can be told.
        SPLITS: "train" and "test", and "unseen" where what is in clips of both is in none of it.
        CHANCES: numbers that a clip is drawn from.
        SMALLEST: edge of frames.
        slow: clips are drawn once, and kept on disk as images of folders are.
        factors: what is known of each clip, (N, …) each.
    """

    Variant: ClassVar[type[ClipVariant]] = ClipVariant
    SPLITS: ClassVar[tuple[str, ...]] = ("train", "test")
    CHANCES: ClassVar[int]
    SMALLEST: ClassVar[int] = 8
    slow: ClassVar[bool] = False
    channels: ClassVar[int] = 3
    factors: Mapping[str, npt.NDArray[Any]]

    def __init__(
        self, chances: Floats, variant: Any, frames: int, size: int, split: str = "train"
    ) -> None:
        self.chances, self.variant, self.split = chances, variant, split
        self.frames, self.size = frames, size
        self.factors = self.read(chances)

    @classmethod
    def draw(
        cls,
        n: int,
        variant: ClipVariant | None = None,
        frames: int = FRAMES,
        size: int = SIZE,
        split: str = "train",
    ) -> Self:
        """Return the first n clips of a split; they are the same for every n."""
        rng = np.random.Generator(np.random.PCG64([PART, SEEDS[split]]))
        return cls(rng.random((n, cls.CHANCES)), variant or cls.Variant(), frames, size, split)

    def __len__(self) -> int:
        return len(self.chances)

    @abstractmethod
    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return what chances (n, `CHANCES`) say of each clip."""

    @abstractmethod
    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return pictures uint8 (n, T, H, W, C) of clips, of which the factors are given.

        Args:
            known: the factors of n clips.
            times: of the T pictures, in frames.
        """

    @property
    def times(self) -> Floats:
        """When the frames are seen."""
        return np.arange(self.frames, dtype=np.float64)

    def at(self, rows: Numbers) -> dict[str, npt.NDArray[Any]]:
        """Return the factors of some clips."""
        return {name: values[rows] for name, values in self.factors.items()}

    def clips(self, rows: Numbers | None = None) -> Array8:
        """Return some clips, or all, uint8 (n, T, H, W, C)."""
        return self.made(rows, lambda some: self.render(self.at(some), self.times))

    def made(self, rows: Numbers | None, make: Callable[[Numbers], Array8]) -> Array8:
        """Return what is made of some clips, or all, a few at a time."""
        rows = np.arange(len(self)) if rows is None else rows
        parts = [make(rows[part]) for part in slices(len(rows), CHUNK)]
        shape = (0, self.frames, self.size, self.size, self.channels)
        return np.concatenate(parts) if parts else np.empty(shape, np.uint8)


def collected(
    name: str,
    settings: DataSettings,
    variant: ClipVariant,
    kind: type[Clips],
    fields: Callable[[Any], dict[str, npt.NDArray[Any]]],
    domains: Mapping[str, Domain],
) -> Collection:
    """Return the splits of a set of clips, in the size and length asked for.

    Args:
        name: of the set.
        settings: frames and size are taken from them.
        variant: what else the set is told.
        kind: its clips.
        fields: gives what goes with each of some clips.
        domains: of those fields.

    Raises:
        UsageError: clips are not made in such a form.
    """
    frames, size = form(name, settings, kind.SMALLEST)
    splits: dict[str, Items] = {}
    for split in kind.SPLITS:
        count = variant.clips if split == "train" else variant.held_out
        made = kind.draw(count, variant, frames, size, split)
        splits[split] = Items({"x": shown(name, made, settings), **fields(made)})
    names = tuple(domains[LABEL].names) if LABEL in domains else ()
    return Collection(name, splits, names, kind=KIND, domains=domains)


def form(name: str, settings: DataSettings, least: int) -> tuple[int, int]:
    """Return frames and edge of clips as the settings want them; nothing is ever resized.

    Raises:
        UsageError: they are not square, or too small.
    """
    height, width = settings.height_width or (SIZE, SIZE)
    if height != width or height < least:
        raise UsageError(
            f"{name} is drawn in the size asked for, and data.size={height}x{width} is none: "
            f"expected one edge of {least} or more, such as data.size={SIZE}."
        )
    return settings.frames or FRAMES, height


def shown(
    name: str,
    clips: Clips,
    settings: DataSettings,
    make: Callable[[Numbers], Array8] | None = None,
    channels: int | None = None,
) -> Any:
    """Return clips as an array (N, T, H, W, C): small sets as they are, others made when needed.

    Args:
        name: of the set.
        clips: the set.
        settings: say where they are kept.
        make: draws something else of some of them, instead of the clips themselves.
        channels: of that.
    """
    shape = (clips.frames, clips.size, clips.size, channels or clips.channels)
    lazy = LazyRows(np.arange(len(clips)), change=make or clips.clips, shape=shape, dtype=np.uint8)
    if clips.slow and settings.cache not in ("none", "memory"):
        return _stored(name, clips, lazy, settings)
    if settings.cache == "none" or (settings.cache != "memory" and lazy.nbytes > KEPT):
        return lazy
    # Plane by plane, as a device keeps them: no second copy is made.
    count, frames, height, width, colours = lazy.shape
    planes = np.empty((count, colours, frames, height, width), np.uint8)
    with Progress(f"drawing {name}", count) as progress:
        for part in slices(count, 4 * CHUNK):
            planes[part] = np.moveaxis(lazy[part], -1, 1)
            progress.advance(part.stop - part.start)
    return np.moveaxis(planes, 1, -1)


def _stored(name: str, clips: Clips, lazy: LazyRows, settings: DataSettings) -> Any:
    """Return clips (N, T, H, W, C) from the cache, into which they are drawn if need be."""
    count, frames, height, width, colours = lazy.shape
    root = user_cache() if settings.cache == "auto" else Path(settings.cache).expanduser()
    key = key_of(name, clips.split, lazy.shape, clips.variant.model_dump(mode="json"))
    kept = Cache(root)

    def fill(write: Callable[[Array8], None]) -> tuple[dict[str, Any], int]:
        with Progress(f"drawing {name}", count) as progress:
            for part in slices(count, CHUNK):
                planes = np.moveaxis(lazy[part], -1, 1)
                write(planes.reshape(len(planes), colours, frames * height, width))
                progress.advance(len(planes))
        return {}, colours

    try:
        shape = (colours, frames * height, width)
        found = kept.find(key, name) or kept.make(key, name, shape, count, fill)
    except OSError:  # nothing can be written there
        return lazy
    planes = found.planes.reshape(count, colours, frames, height, width)
    return np.moveaxis(planes, 1, -1)


def classes(names: list[str]) -> Classes:
    """Return the domain of classes of these names."""
    return Classes(count=len(names), called=names)


def pick(chance: Floats, count: int) -> Numbers:
    """Return whole numbers below a count, each equally likely."""
    return np.floor(chance * count).astype(np.int64)


def between(chance: Floats, low: float, high: float) -> Floats:
    """Return numbers uniform from low to high."""
    return low + chance * (high - low)


def generators(chance: Floats) -> list[np.random.Generator]:
    """Return a generator for each clip, where it needs more numbers than its row holds."""
    seeds: list[int] = np.floor(chance * 2**53).astype(np.int64).tolist()
    return [np.random.Generator(np.random.PCG64([PART, seed])) for seed in seeds]


def hues(hue: Floats, value: Floats | float = 230.0, least: float = 50.0) -> Floats:
    """Return saturated colours (n, 3) of hues (n,) in [0, 1): channels from ``least`` to value."""
    pure = np.array([colorsys.hsv_to_rgb(h, 1.0, 1.0) for h in np.asarray(hue).tolist()])
    return least + pure.reshape(-1, 3) * (np.broadcast_to(value, hue.shape)[:, None] - least)


def hue_of(colour: Floats) -> Floats:
    """Return the hues (n,) in [0, 1) of colours (n, 3)."""
    return np.array([colorsys.rgb_to_hsv(*(c / 255))[0] for c in colour])
