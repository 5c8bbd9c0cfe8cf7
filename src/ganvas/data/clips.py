"""Clips drawn from videos: any that they hold, wherever they begin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.domain import Domain
from ganvas.data.domains.classes import Classes
from ganvas.data.domains.videos import Videos
from ganvas.data.items import Collection, Items
from ganvas.data.mapped import LazyRows
from ganvas.data.pixels import Array8
from ganvas.data.readers.videos import Cut, cut, reels, told
from ganvas.data.records import LABEL, MAIN
from ganvas.data.settings import DataSettings
from ganvas.data.source import INDEX, Rows, Source, Table
from ganvas.data.spec import DataSpec
from ganvas.data.standard import FILMED
from ganvas.data.video_options import FRAMES
from ganvas.data.windows import Windows

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BLOCK = 256
"""Clips that are drawn ahead at least."""
MIDDLE = 0.5


def open_clips(path: Path, settings: DataSettings) -> ClipSource:
    """Open a folder of videos, or one, as clips.

    Raises:
        UsageError: there are none, they are broken, or do not fit the settings.
    """
    settings.refuse_foreign("videos")
    found = reels(path, settings)
    name = settings.source if settings.source in FILMED else path.resolve().stem
    return ClipSource(name, cut(found, settings), settings)


class ClipSource(Source):
    """Clips of videos.

    A split consists of clips that follow each other and share no frame, cut from the middle;
    training goes on without end through clips that begin anywhere. With ``uniform=videos`` each
    video is seen as often as any other, in shuffled epochs; with ``uniform=clips`` each clip is.

    Args:
        name: of the set.
        cut: the videos, and where clips are in them.
        settings: how they are drawn.
    """

    def __init__(self, name: str, cut: Cut, settings: DataSettings) -> None:
        self._cut, self._random = cut, settings.crop == "random"
        self._by_clip = settings.uniform == "clips"
        self._windows = cut.windows["train"]
        self._starts = np.array([one.starts for one in self._windows], np.int64)
        self._apart = {
            split: [one.apart() for one in windows] for split, windows in cut.windows.items()
        }
        self._first = np.cumsum([0, *map(len, self._apart["train"])])
        self.splits = tuple(cut.windows)
        known = told(cut, name)
        self._told = known.fields["train"]
        self._items = {split: self._listed(split, known.fields[split]) for split in self.splits}
        height, width, channels = cut.form.shape
        fields: dict[str, Domain] = {
            MAIN: Videos(
                channels=channels,
                frames=settings.frames or FRAMES,
                height=height,
                width=width,
                rate=_rate(cut, settings),
            )
        }
        if known.names:
            fields[LABEL] = Classes(count=len(known.names), called=list(known.names))
        fields |= known.domains
        self.spec = DataSpec(name=name, fields=fields, size=len(self._items["train"]))

    @property
    def collection(self) -> Collection:
        """The clips of all splits as a set like any other."""
        beside = {k: d for k, d in self.spec.fields.items() if k not in (MAIN, LABEL)}
        names = tuple(self.spec.class_names) if LABEL in self.spec.fields else ()
        name, kind = self.spec.name, self.spec.kind
        return Collection(name, dict(self._items), names, kind=kind, domains=beside)

    def content(self) -> Mapping[str, Items]:
        """Return all splits."""
        return self._items

    def items(self, split: str) -> Items:
        """Return the clips of a split that share no frame."""
        self._require(split)
        return self._items[split]

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return part, start and place of the next clips."""
        if self._by_clip:
            ends = np.cumsum(self._starts)
            which = rng.integers(ends[-1], size=BLOCK)
            part = np.searchsorted(ends, which, "right")
            start = which - ends[part] + self._starts[part]
        else:
            epochs = -(-BLOCK // len(self._windows))
            part = np.concatenate([rng.permutation(len(self._windows)) for _ in range(epochs)])
            start = np.floor(rng.random(len(part)) * self._starts[part]).astype(np.int64)
        place = rng.random((len(part), 2))
        return tuple(torch.from_numpy(column) for column in (part, start, place))

    def table(self, device: torch.device) -> Table:
        """Return an empty table: frames are read where they lie."""
        return Table(torch.device("cpu"), {}, mapped=not self._cut.frames.held)

    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the clips that the rows stand for."""
        return self._batch(rows, None)

    def take_frames(self, table: Table, rows: Rows, frame: Tensor) -> Batch:
        """Return one frame of each of those clips; the others are not read."""
        return self._batch(rows, frame.numpy())

    def _batch(self, rows: Rows, frame: Numbers | None) -> Batch:
        part, start, place = (column.numpy() for column in rows)
        clips: list[Array8] = []
        for row in range(len(part)):
            window = self._windows[int(part[row])]
            numbers = window.numbers(int(start[row]))
            if frame is not None:
                numbers = numbers[frame[row] : frame[row] + 1]
            clips.append(self._clip(window, numbers, place[row]))
        x = torch.from_numpy(np.stack(clips).swapaxes(1, 2).copy())
        beside = {
            name: self.spec.fields[name].stage(values[part]) for name, values in self._told.items()
        }
        index = torch.from_numpy(self._first[part] + self._since(part, start))
        return Batch({MAIN: x if frame is None else x[:, :, 0], **beside, INDEX: index})

    def _since(self, part: Numbers, start: Numbers) -> Numbers:
        """Return which of the clips of a part that share no frame one begins in."""
        found = np.empty(len(part), np.int64)
        for row in range(len(part)):
            apart = self._apart["train"][int(part[row])]
            found[row] = np.searchsorted(apart, int(start[row]), "right") - 1
        return found

    def _clip(self, window: Windows, numbers: Numbers, place: Floats) -> Array8:
        """Return frames of a clip, (T, C, H, W), cut out at a place."""
        frames = self._cut.frames.take(window.part.video, numbers)
        height, width = self._cut.form.size
        top, left = (
            int(share * (have - want + 1))
            for share, have, want in zip(place, frames.shape[2:], (height, width), strict=True)
        )
        return frames[:, :, top : top + height, left : left + width]

    def _listed(self, split: str, beside: Mapping[str, npt.NDArray[Any]]) -> Items:
        """Return the clips of a split that share no frame, read when they are asked for."""
        windows, apart = self._cut.windows[split], self._apart[split]
        counts = np.array([len(starts) for starts in apart], np.int64)
        part = np.repeat(np.arange(len(windows)), counts)
        start = np.concatenate(apart) if apart else np.empty(0, np.int64)
        made = partial(self._made, windows, part, start)
        x: Any = Clips(made, len(part), self._shape, self._digest(split))
        return Items({MAIN: x, **{name: values[part] for name, values in beside.items()}})

    def _made(
        self, windows: Sequence[Windows], part: Numbers, start: Numbers, rows: Numbers
    ) -> Array8:
        """Return some clips by their numbers, (n, T, H, W, C)."""
        middle = np.array([MIDDLE, MIDDLE])
        found = np.empty((len(rows), *self._shape), np.uint8)
        for place, (one, begin) in enumerate(zip(part[rows], start[rows], strict=True)):
            window = windows[int(one)]
            clip = self._clip(window, window.numbers(int(begin)), middle)
            found[place] = np.moveaxis(clip, 1, -1)
        return found

    @property
    def _shape(self) -> tuple[int, ...]:
        """Shape of a clip in data units."""
        return (len(self._windows[0].numbers(0)), *self._cut.form.shape)

    def _digest(self, split: str) -> str:
        """Return a hash of what the clips of a split are, wherever their files are."""
        total = hashlib.sha256(repr(self._cut.form).encode())
        for window in self._cut.windows[split]:
            crc = self._cut.seen[window.part.video].crc
            total.update(repr((crc, window.part[1:], window.starts)).encode())
        return total.hexdigest()


class Clips(LazyRows):
    """Clips (N, T, H, W, C) that are read when they are asked for.

    Args:
        make: returns some of them by their numbers.
        count: of all.
        shape: of one.
        digest: a hash of all.
    """

    def __init__(self, make: Any, count: int, shape: tuple[int, ...], digest: str) -> None:
        rows = np.arange(count, dtype=np.int64)
        super().__init__(rows, change=make, shape=shape, dtype=np.uint8)
        self._digest = digest

    def digest(self) -> str:
        """Return a hash of what they are, without reading them."""
        return self._digest


def _rate(cut: Cut, settings: DataSettings) -> float:
    """Return how many frames of a clip are seen in a second."""
    if settings.fps is not None:
        return settings.fps
    rates: Sequence[float] = [one.rate for one in cut.seen if one.rate is not None]
    return float(np.median(rates)) / settings.stride if rates else 8.0
