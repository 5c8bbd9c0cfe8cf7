"""Films: what frames are read from by number, wherever they lie. One file per kind.

A film is looked through once, by decoding it: how many frames it has and when each is seen comes
from that, never from what its head says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganvas.data.readers.place import File, Head

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


class FilmError(ValueError):
    """A film cannot be read; the message says why."""


@dataclass(frozen=True)
class Seen:
    """What looking through a film told.

    Attributes:
        head: size (upright) and colours of its frames.
        times: when each frame is seen, (F,) in seconds from the first; or numbers, where nothing
            tells times.
        end: when the last one ends.
        keys: numbers of frames from which decoding can begin, ascending, the first among them.
        timed: whether times are seconds.
        origin: seconds at which the first frame is seen by the film's own clock.
        crc: a checksum of its content.
    """

    head: Head
    times: Floats
    end: float
    keys: Numbers
    timed: bool
    origin: float = 0.0
    crc: int = 0

    @property
    def rate(self) -> float | None:
        """Frames a second in the middle of all, or None where nothing tells."""
        if not self.timed or not self.end:
            return None
        return len(self.times) / self.end


class Film(ABC):
    """One video.

    Attributes:
        file: under what name it is known: a file, or a folder of frames.
    """

    file: File

    @property
    def name(self) -> str:
        """Its path below the place."""
        return self.file.name

    @property
    def stem(self) -> str:
        """What it is called."""
        return PurePosixPath(self.name).stem

    @abstractmethod
    def look(self) -> Seen:
        """Decode all frames once.

        Raises:
            FilmError, or one of `READ_ERRORS`: it is damaged.
        """

    @abstractmethod
    def frames(self, numbers: Sequence[int], seen: Seen) -> Iterator[Image.Image]:
        """Give frames upright, by ascending numbers.

        Raises:
            FilmError, or one of `READ_ERRORS`: it is damaged, or not what it was.
        """


def untimed(head: Head, count: int, crc: int) -> Seen:
    """Return what is known of a film that consists of so many separate pictures."""
    numbers = np.arange(count, dtype=np.int64)
    return Seen(head, numbers.astype(np.float64), float(count), numbers, False, 0.0, crc)
