"""Video files (MP4, Matroska, WebM, QuickTime, AVI), decoded by the optional ``av`` package."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganvas.data.readers.decode import MAX_PIXELS, TooLargeError
from ganvas.data.readers.films import Film, FilmError, Seen
from ganvas.data.readers.films.whole import refuse_cut
from ganvas.data.readers.place import File, Head
from ganvas.data.readers.utf8 import is_text
from ganvas.errors import UsageError
from ganvas.loading import extra

SUFFIXES = (".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi")
FORMATS = "mov,matroska,avi"
"""What such files may be, by the names of their readers: no lists of other files among them."""
COUNTED = "mov"
"""A container whose table of frames is right, unless the file was cut."""
PIECE = 2**20
LIBRARY = ("av", "a video file", "video")


class Container(Film):
    """A video file.

    Args:
        place: the folder that it lies in.
        file: its name there.
    """

    def __init__(self, place: Path, file: File) -> None:
        self.file, self._path = file, place / file.name

    def look(self) -> Seen:
        """Decode all frames once."""
        refuse_cut(self._path)
        times: list[float | None] = []
        keys: list[int] = []
        with self._opened() as (container, stream):
            head, length = None, 0.0
            for frame in self._decoded(container, stream):
                if head is None:
                    head = _head(frame)
                if frame.key_frame:
                    keys.append(len(times))
                times.append(frame.time)
                length = float(frame.duration or 0) * float(frame.time_base or 0)
            declared = stream.frames if COUNTED in container.format.name else 0
            rate = float(stream.average_rate or stream.base_rate or 25)
        if head is None:
            raise FilmError("no frame of it can be decoded")
        if len(times) < declared:
            raise FilmError(f"cut short: {len(times)} of {declared} frames are there")
        clock = _clock(times)
        if clock is None:  # its frames have no times that ascend: they follow evenly
            clock, keys = np.arange(len(times)) / rate, [0]
        steps = np.diff(clock)
        last = length or (float(np.median(steps)) if len(steps) else 1 / rate)
        return Seen(
            head=head,
            times=clock - clock[0],
            end=float(clock[-1] - clock[0] + last),
            keys=np.array(sorted({0, *keys}), np.int64),
            timed=True,
            origin=float(clock[0]),
            crc=self._crc(),
        )

    def frames(self, numbers: Sequence[int], seen: Seen) -> Iterator[Image.Image]:
        """Give frames, decoded from the last key frame before the first of them."""
        key = int(seen.keys[np.searchsorted(seen.keys, numbers[0], "right") - 1])
        wanted = iter(numbers)
        number = next(wanted)
        with self._opened() as (container, stream):
            for at, frame in self._numbered(container, stream, seen, key):
                if at > number:
                    raise FilmError("its frames are not where they were")
                if at == number:
                    picture = _picture(frame, seen.head)
                    yield picture
                    following = next(wanted, None)
                    while following == number:
                        yield picture
                        following = next(wanted, None)
                    if following is None:
                        return
                    number = following
        raise FilmError(f"it ends before frame {number}, which was there")

    def _numbered(
        self, container: Any, stream: Any, seen: Seen, key: int
    ) -> Iterator[tuple[int, Any]]:
        """Give frames with their numbers, from a key frame on, or from the first if that fails."""
        if key:
            time = seen.origin + float(seen.times[key])
            container.seek(round(time / float(stream.time_base)), stream=stream)
            found = self._by_clock(container, stream, seen)
            first = next(found, None)
            if first is not None and first[0] <= key:
                yield first
                yield from found
                return
            container.seek(0, stream=stream)
        yield from enumerate(self._decoded(container, stream))

    def _by_clock(self, container: Any, stream: Any, seen: Seen) -> Iterator[tuple[int, Any]]:
        clock = np.rint((seen.origin + seen.times) / float(stream.time_base)).astype(np.int64)
        known = {pts: number for number, pts in enumerate(clock.tolist())}
        for frame in self._decoded(container, stream):
            if frame.pts in known:
                yield known[frame.pts], frame

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Give all frames from here.

        Raises:
            FilmError: some are damaged.
        """
        count = 0
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise FilmError(f"damaged at frame {count}")
                yield frame
                count += 1
        except _library().error.FFmpegError as error:
            raise FilmError(f"damaged after {count} frames: {_brief(error)}") from None

    @contextmanager
    def _opened(self) -> Generator[tuple[Any, Any]]:
        """Open the file and its first video stream.

        Raises:
            FilmError, TooLargeError: it is none, or none that can be decoded here.
        """
        av = _library()
        try:
            container = av.open(str(self._path), options={"format_whitelist": _allowed()})
        except av.error.FFmpegError as error:
            raise FilmError(self._reason(error)) from None
        with container:
            if not container.streams.video:
                what = "holds sound only" if container.streams.audio else "holds no video"
                raise FilmError(what)
            stream = container.streams.video[0]
            codec = stream.codec_context
            if codec is None:
                raise FilmError("of a codec that cannot be decoded here")
            if codec.width * codec.height > MAX_PIXELS:
                raise TooLargeError(f"{codec.width} x {codec.height} pixels")
            codec.thread_count = 1  # films are decoded side by side
            yield container, stream

    def _reason(self, error: Exception) -> str:
        with self._path.open("rb") as file:
            content = file.read(4096)
        if not content:
            return "empty file (0 bytes)"
        if is_text(content):
            return "text, not a video"
        return f"not a video that can be read, or cut short: {_brief(error)}"

    def _crc(self) -> int:
        found = 0
        with self._path.open("rb") as file:
            while piece := file.read(PIECE):
                found = zlib.crc32(piece, found)
        return found


def require() -> None:
    """Refuse to go on without the package that decodes video files.

    Raises:
        UsageError: it is missing.
    """
    extra(*LIBRARY)


def _library() -> Any:
    try:
        return extra(*LIBRARY)
    except UsageError as error:
        raise FilmError(str(error)) from None


def _allowed() -> str:
    """Return the names of all readers of such files, as libraries are asked for them."""
    names = (f.name for f in map(_format, FORMATS.split(",")))
    return ",".join(dict.fromkeys(n for name in names for n in name.split(",")))


def _format(name: str) -> Any:
    return import_module("av").format.ContainerFormat(name, "r")


def _clock(times: Sequence[float | None]) -> Any:
    """Return times as an array (F,) if all are there and ascend, else None."""
    known = [time for time in times if time is not None]
    clock = np.array(known, np.float64)
    return clock if len(known) == len(times) and (np.diff(clock) > 0).all() else None


def _head(frame: Any) -> Head:
    height, width = frame.height, frame.width
    if frame.rotation % 180:
        height, width = width, height
    alpha = any(component.is_alpha for component in frame.format.components)
    grey = frame.format.name.startswith("gray")
    return Head((height, width), grey, alpha, False)


def _picture(frame: Any, head: Head) -> Image.Image:
    """Return a frame upright, in the colours that its film has."""
    form = "rgba" if head.alpha else "gray" if head.grey else "rgb24"
    pixels = np.rot90(frame.to_ndarray(format=form), round(frame.rotation / 90))
    return Image.fromarray(np.ascontiguousarray(pixels))


def _brief(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
