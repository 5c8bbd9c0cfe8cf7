"""Camera-stabilised copies of videos: frames are moved back by how far the camera's picture moved.

The shift between two frames is the peak of their phase correlation (Kuglin and Hines 1975):
IFFT(A B* / |A B*|) of frames under a window; a parabola through its neighbours gives fractions of
a pixel. Where no peak stands out, a frame cannot be registered, and a new segment begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganvas.data.animation import webp_timed
from ganvas.data.pixels import Array8
from ganvas.data.readers.decode import READ_ERRORS, mapped
from ganvas.data.readers.films import Film, Seen
from ganvas.data.readers.looking import reason
from ganvas.data.readers.place import LeftOut, listing
from ganvas.data.readers.videos import Reels
from ganvas.errors import GanvasError
from ganvas.files import filling, write_whole

Floats = npt.NDArray[np.float64]

CLEAR = 8.0
"""A peak is one of noise unless it is so many times as high as noise is wide."""
SHORTEST = 2
"""Frames of a segment that is kept."""
ROOM = 0.5
"""A frame that has moved by more than this share of an edge shows too little of the first one."""
PAUSE = 100
"""Milliseconds of a frame of which nothing tells when it is seen."""


@dataclass
class Segment:
    """Frames that were registered with their first one.

    Attributes:
        first: number of that.
        shifts: (down, across) of each frame in pixels, how far its picture has moved.
    """

    first: int
    shifts: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])


def shift(reference: Floats, other: Floats) -> tuple[float, float] | None:
    """Return how far (down, across) the picture of a frame (H, W) has moved, or None if unclear."""
    window = np.outer(
        np.hanning(reference.shape[0] + 2)[1:-1], np.hanning(reference.shape[1] + 2)[1:-1]
    )
    one, two = (np.fft.fft2((frame - frame.mean()) * window) for frame in (reference, other))
    cross = two * one.conj()
    size = np.abs(cross)
    if not size.any():  # two frames of one level each
        return None
    surface = np.fft.ifft2(np.divide(cross, size, out=np.zeros_like(cross), where=size > 0)).real
    place = np.unravel_index(int(surface.argmax()), surface.shape)
    if surface[place] < CLEAR / np.sqrt(surface.size):
        return None
    found = [_peak(surface, place, axis) for axis in (0, 1)]
    return found[0], found[1]


def segments(frames: Iterator[Floats]) -> list[Segment]:
    """Return which frames (H, W) can be registered with which, and how far each has moved.

    A frame is compared with the first of its segment, and where that shows too little, with the one
    before.
    """
    found: list[Segment] = []
    first = before = None
    for number, frame in enumerate(frames):
        moved = None
        if found and first is not None and before is not None:
            last = found[-1].shifts[-1]
            moved = shift(first, frame)
            step = shift(before, frame)
            chained = None if step is None else (last[0] + step[0], last[1] + step[1])
            if moved is None or (chained is not None and _apart(moved, chained) > 2):
                moved = chained
            if moved is not None and _too_far(moved, frame.shape):
                moved = None
        if moved is None:
            found.append(Segment(number, [(0.0, 0.0)]))
            first = frame
        else:
            found[-1].shifts.append(moved)
        before = frame
    return found


def steady(frames: Array8, shifts: list[tuple[float, float]]) -> Array8:
    """Return frames (T, H, W, C) moved back, and cut to what all of them show."""
    moves = np.array(shifts)
    _, height, width, _ = frames.shape
    top, left = np.ceil(np.maximum(-moves.min(axis=0), 0) - 1e-9).astype(int)
    bottom, right = np.ceil(np.maximum(moves.max(axis=0), 0) - 1e-9).astype(int)
    rows, columns = height - top - bottom, width - left - right
    back: list[Array8] = []
    for frame, (down, across) in zip(frames, shifts, strict=True):
        picture = Image.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame)
        placed = picture.transform(
            (int(columns), int(rows)),
            Image.Transform.AFFINE,
            (1, 0, left + across, 0, 1, top + down),
            Image.Resampling.BICUBIC if down % 1 or across % 1 else Image.Resampling.NEAREST,
        )
        pixels = np.asarray(placed)
        back.append(pixels if pixels.ndim == 3 else pixels[:, :, None])
    return np.stack(back)


def stabilise(found: Reels, out: Path) -> tuple[list[Path], list[LeftOut]]:
    """Write a stabilised copy of each video, as a WebP file without loss for each of its segments.

    Returns:
        The files, and what was dropped: segments of a single frame that could not be registered.

    Raises:
        UsageError: the folder holds files already.
        GanvasError: nothing was registered; then nothing is left in the folder either.
    """
    films = [found.films[name] for name in found.seen]

    def attempt(film: Film) -> tuple[list[Path], list[LeftOut]]:
        try:
            return _copied(film, found.seen[film.name], out)
        except READ_ERRORS as error:
            return [], [LeftOut(film.name, reason(error))]

    written: list[Path] = []
    dropped: list[LeftOut] = []
    with filling(out):
        for files, lost in mapped(attempt, films, f"stabilising {found.place.name}"):
            written += files
            dropped += lost
        if not written:
            raise GanvasError(
                f"{found.place.where}: in none of {len(films):,} videos could a frame be "
                "registered with the one before, so nothing was written:\n"
                f"{listing([*found.broken, *dropped])}"
            )
    return written, dropped


def _copied(film: Film, seen: Seen, out: Path) -> tuple[list[Path], list[LeftOut]]:
    frames = _frames(film, seen)
    grey = (frame.astype(np.float64).mean(axis=2) for frame in frames)
    ends = np.append(seen.times, seen.end)
    pauses = (
        np.diff(np.rint(1000 * ends)).astype(int) if seen.timed else np.full(len(frames), PAUSE)
    )
    parts = segments(grey)
    kept = [part for part in parts if len(part.shifts) >= SHORTEST]
    base = film.name.rpartition(".")[0] if "." in film.name[1:] else film.name
    base = "frames" if base in (".", "") else base
    written: list[Path] = []
    for number, part in enumerate(kept):
        rows = slice(part.first, part.first + len(part.shifts))
        name = f"{base}.webp" if len(kept) == 1 else f"{base}-{number}.webp"
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, webp_timed(steady(frames[rows], part.shifts), pauses[rows].tolist()))
        written.append(path)
    lost = [
        LeftOut(f"{film.name}, frame {part.first}", "not registered with those around it")
        for part in parts
        if len(part.shifts) < SHORTEST
    ]
    return written, lost


def _frames(film: Film, seen: Seen) -> Array8:
    """Return all frames of a film, (T, H, W, C)."""
    mode = "RGBA" if seen.head.alpha else "L" if seen.head.grey else "RGB"
    numbers = range(len(seen.times))
    found = np.stack([np.asarray(one.convert(mode)) for one in film.frames(numbers, seen)])
    return found if found.ndim == 4 else found[..., None]


def _peak(surface: Floats, place: Any, axis: int) -> float:
    """Return where the peak lies along an axis, in fractions of a pixel, less than half an edge."""
    size = surface.shape[axis]

    def beside(step: int) -> float:
        at = list(place)
        at[axis] = (at[axis] + step) % size
        return float(surface[tuple(at)])

    low, middle, high = beside(-1), beside(0), beside(1)
    # A shift by a fraction f of a picture without aliasing spreads the peak as sinc(x − f): its
    # larger neighbour has f/(1 − f) of its height.
    larger, sign = (high, 1) if high > low else (low, -1)
    part = max(larger, 0.0) / (middle + max(larger, 0.0))
    whole = int(place[axis])
    whole = whole - size if whole > size // 2 else whole
    return whole + sign * part


def _apart(a: tuple[float, float], b: tuple[float, float]) -> float:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def _too_far(moved: tuple[float, float], size: tuple[int, ...]) -> bool:
    return any(abs(m) > ROOM * edge for m, edge in zip(moved, size, strict=True))
