"""Animated pictures: GIF, WebP, PNG, whatever Pillow reads more than one frame of."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from ganvas.data.readers.decode import head_of, opened
from ganvas.data.readers.films import Film, FilmError, Seen
from ganvas.data.readers.place import File, Place

PAUSE = 100.0
"""Milliseconds that a frame is shown whose file says 0, as browsers have it."""


class Animation(Film):
    """An animated picture; each frame is laid over those before it as the file says."""

    def __init__(self, place: Place, file: File) -> None:
        self.file, self._place = file, place

    def look(self) -> Seen:
        """Decode all frames once."""
        pauses: list[float] = []
        with self._place.open(self.name) as stream:
            crc = zlib.crc32(stream.read())
        with opened(self._place, self.file) as picture:
            head = head_of(picture)
            for number in range(getattr(picture, "n_frames", 1)):
                _go(picture, number)
                pauses.append((float(picture.info.get("duration", 0)) or PAUSE) / 1000)
        ends = np.cumsum(pauses)
        times = np.concatenate([[0.0], ends[:-1]])
        return Seen(head, times, float(ends[-1]), np.zeros(1, np.int64), True, 0.0, crc)

    def frames(self, numbers: Sequence[int], seen: Seen) -> Iterator[Image.Image]:
        """Give frames, decoded from the first on."""
        with opened(self._place, self.file) as picture:
            for number in numbers:
                _go(picture, number)
                yield picture.copy()


def _go(picture: Image.Image, number: int) -> None:
    """Go to a frame and decode it.

    Raises:
        FilmError: it is damaged.
    """
    try:
        picture.seek(number)
        picture.load()
    except Exception as error:
        raise FilmError(f"damaged at frame {number}: {error}") from None
