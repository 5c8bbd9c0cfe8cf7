"""Films whose frames are pictures: in a folder of their own, or side by side in one picture."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from PIL import Image

from ganvas.data.pixels import Size, show
from ganvas.data.readers.decode import head_of, opened
from ganvas.data.readers.films import Film, FilmError, Seen, untimed
from ganvas.data.readers.place import File, Head, Place

NUMBER = re.compile(r"\d+")
LONG = 4
"""So many times as long as wide, or more, is a picture that is taken for square frames."""


class FrameFolder(Film):
    """A folder of pictures, in the order of the numbers in their names.

    Args:
        place: where it lies.
        name: of the folder.
        files: its pictures.
    """

    def __init__(self, place: Place, name: str, files: Sequence[File]) -> None:
        self._place = place
        self._files = sorted(files, key=lambda file: natural(file.name))
        stamp = zlib.crc32(repr([(f.name, f.size, f.stamp) for f in self._files]).encode())
        self.file = File(name, sum(file.size for file in files), (stamp,))

    def look(self) -> Seen:
        """Decode all frames once.

        Raises:
            FilmError: a frame is missing, damaged, or of another size.
        """
        _refuse_gaps([file.name for file in self._files])
        first: Head | None = None
        grey, alpha = True, True
        crc = 0
        for file in self._files:
            with self._place.open(file.name) as stream:
                crc = zlib.crc32(stream.read(), crc)
            with opened(self._place, file) as picture:
                head = head_of(picture)
                picture.load()
            first = first or head
            grey, alpha = grey and head.grey, alpha and head.alpha
            if head.size != first.size:
                last = file.name.rpartition("/")[2]
                raise FilmError(
                    f"its frames differ in size: {last} is {show(head.size)}, others are "
                    f"{show(first.size)}"
                )
        assert first is not None
        return untimed(first._replace(grey=grey, alpha=alpha), len(self._files), crc)

    def frames(self, numbers: Sequence[int], seen: Seen) -> Iterator[Image.Image]:
        """Give the pictures."""
        for number in numbers:
            with opened(self._place, self._files[number]) as picture:
                picture.load()
                yield picture


class Strip(Film):
    """One picture of frames side by side, or on top of each other.

    Args:
        place: where it lies.
        file: the picture.
        size: of a frame.
    """

    def __init__(self, place: Place, file: File, size: Size) -> None:
        self.file, self._place, self._size = file, place, size

    def look(self) -> Seen:
        """Decode the picture once."""
        with self._place.open(self.name) as stream:
            crc = zlib.crc32(stream.read())
        with opened(self._place, self.file) as picture:
            head = head_of(picture)
            picture.load()
        height, width = head.size
        count = height // self._size[0] * (width // self._size[1])
        return untimed(head._replace(size=self._size), count, crc)

    def frames(self, numbers: Sequence[int], seen: Seen) -> Iterator[Image.Image]:
        """Give frames as they follow each other, row by row."""
        height, width = self._size
        with opened(self._place, self.file) as picture:
            picture.load()
            columns = picture.width // width
            for number in numbers:
                y, x = number // columns * height, number % columns * width
                yield picture.crop((x, y, x + width, y + height))


def strip_size(size: Size, asked: Size | None) -> Size | None:
    """Return the size of a frame of a picture that is a strip of several, else None.

    Args:
        size: of the picture.
        asked: of a frame, where somebody says it; else frames are square.
    """
    if asked is not None:
        whole = size[0] % asked[0] == 0 and size[1] % asked[1] == 0
        return asked if whole and size != asked else None
    short, long = min(size), max(size)
    return (short, short) if long % short == 0 and long >= LONG * short else None


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a key by which frame 9 comes before frame 10."""
    parts = re.split(r"(\d+)", name)
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)


def _refuse_gaps(names: Sequence[str]) -> None:
    """Refuse frames some of which are missing between others, by the last numbers in their names.

    Raises:
        FilmError: they are.
    """
    found = [NUMBER.findall(name.rpartition("/")[2].rpartition(".")[0]) for name in names]
    if len(names) < 3 or not all(found):
        return
    numbers = [int(one[-1]) for one in found]
    steps = Counter(b - a for a, b in pairwise(numbers))
    usual = steps.most_common(1)[0][0]
    for (a, b), name in zip(pairwise(numbers), names, strict=False):
        if b - a > usual > 0:
            last = name.rpartition("/")[2]
            raise FilmError(f"frame {a + usual} is missing after {last}")
