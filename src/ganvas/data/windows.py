"""Which frames of a video make a clip: so many, at an even pace, wherever they begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.data.video_options import Short

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

EARLY = 1e-6
"""Seconds by which a frame may be late, for clocks count in fractions."""


class Part(NamedTuple):
    """Frames of one video that follow each other: those from ``first`` to before ``last``."""

    video: int
    first: int
    last: int


class Pace(NamedTuple):
    """How frames of clips follow each other.

    Attributes:
        frames: of a clip.
        stride: every so many frames one is taken, unless ``fps`` says otherwise.
        fps: frames a second, where times are known.
        short: what is done where there are too few.
    """

    frames: int
    stride: int = 1
    fps: float | None = None
    short: Short = "refuse"


class Windows:
    """The clips of one part of a video.

    Args:
        part: which frames.
        times: of all frames of the video, (F,) in seconds, or None where nothing tells.
        end: when the last one ends.
        pace: of clips.

    Attributes:
        starts: how many frames a clip may begin with; 0: there is no clip.
        short: whether that is because there are too few frames, or one clip that needed a rule.
    """

    def __init__(self, part: Part, times: Floats | None, end: float, pace: Pace) -> None:
        self.part, self._pace = part, pace
        self._count = part.last - part.first
        if pace.fps is None or times is None:
            self._times: Floats | None = None
            stride = 1 if pace.fps is not None else pace.stride
            self._offsets = np.arange(pace.frames, dtype=np.int64) * stride
            starts = self._count - int(self._offsets[-1])
        else:
            self._times = times[part.first : part.last]
            stop = end if part.last == len(times) else float(times[part.last])
            needed = (pace.frames - 1) / pace.fps
            starts = int(np.searchsorted(self._times, stop - needed - EARLY, "left"))
        self.short = starts < 1
        bent = self.short and pace.short in ("repeat", "pingpong")
        self.starts = 1 if bent and self._count else max(starts, 0)

    def numbers(self, start: int) -> Numbers:
        """Return the frames (T,) of the clip that begins with a frame of the part."""
        wanted: Numbers
        if self._times is None:
            wanted = start + self._offsets
        elif self.short:  # on past the end, at the pace of the middle
            own = np.arange(self._pace.frames) / (self._pace.fps or 1)
            step = float(np.median(np.diff(self._times))) if self._count > 1 else 1.0
            wanted = np.floor(own / step + EARLY).astype(np.int64)
        else:
            moments = self._times[start] + np.arange(self._pace.frames) / (self._pace.fps or 1)
            wanted = (
                np.asarray(np.searchsorted(self._times, moments + EARLY, "right"), np.int64) - 1
            )
        return self.part.first + self._bent(wanted)

    def apart(self) -> Numbers:
        """Return first frames of clips that follow each other and share no frame."""
        found: list[int] = []
        start = 0
        while start < self.starts:
            found.append(start)
            start = max(int(self.numbers(start)[-1]) - self.part.first + 1, start + 1)
        return np.array(found, np.int64)

    def _bent(self, wanted: Numbers) -> Numbers:
        last = self._count - 1
        if self._pace.short == "pingpong" and last > 0:
            return last - np.abs(wanted % (2 * last) - last)
        return np.minimum(wanted, last)


def split_in_time(count: int, share: float) -> tuple[int, int]:
    """Return how many frames are trained on, the first ones, and how many are held out."""
    held = max(round(count * share), 1)
    return count - held, held


def needed(pace: Pace) -> str:
    """Return what a clip needs, in words."""
    if pace.fps is not None:
        return f"{pace.frames} frames at {pace.fps:g} a second"
    span = (pace.frames - 1) * pace.stride + 1
    by = f" ({pace.frames}, {pace.stride} apart)" if pace.stride > 1 else ""
    return f"{span} frames{by}"


def lengths(parts: Sequence[Windows]) -> int:
    """Return how many clips there are in all, at every start."""
    return sum(part.starts for part in parts)
