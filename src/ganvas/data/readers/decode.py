"""From files to pixels: heads first, then everything, in parallel and in bounded memory."""

from __future__ import annotations

import os
import struct
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from ganvas.data import deep, pixels
from ganvas.data.pixels import Array8, Form
from ganvas.data.progress import Progress
from ganvas.data.readers.place import File, Head, LeftOut, Place, formats
from ganvas.data.readers.utf8 import is_text
from ganvas.slices import slices

THREADS = min(8, os.cpu_count() or 1)
MAX_PIXELS = 89_478_485
"""A larger image is not decoded: where Pillow begins to warn of decompression bombs."""
LARGE = 2**24
"""Images of more pixels are decoded one at a time, so that threads do not fill the memory."""
CHUNK = 4 * 2**20
"""Bytes of pixels that one thread decodes before it hands them over."""
READ_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    NotImplementedError,
    MemoryError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises on damaged files."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Decoded:
    """What decoding a set has told.

    Attributes:
        broken: files that failed; they have no row.
        opaque: whether every alpha channel is 255 throughout.
    """

    broken: list[LeftOut]
    opaque: bool


class TooLargeError(ValueError):
    """An image has more pixels than are decoded."""


def heads(place: Place, files: Sequence[File]) -> tuple[list[Head | None], list[LeftOut]]:
    """Read the head of every file: None of those that have none, and why."""
    if (remembered := place.heads(files)) is not None:
        return list(remembered), []
    known: dict[Head, Head] = {}  # one object per kind of head, however many files

    def attempt(file: File) -> Head | LeftOut:
        try:
            with opened(place, file) as image:
                head = head_of(image)
                return known.setdefault(head, head)
        except READ_ERRORS as error:
            return LeftOut(file.name, reason(place, file, error))

    found = list(mapped(attempt, files, f"reading the heads of {place.name}"))
    return (
        [None if isinstance(one, LeftOut) else one for one in found],
        [one for one in found if isinstance(one, LeftOut)],
    )


def head_of(image: Image.Image) -> Head:
    """Return what the head of an opened image says; its pixels are not decoded."""
    height, width = image.height, image.width
    if pixels.orientation(image) >= 5:  # lying on its side
        height, width = width, height
    grey, alpha = pixels.is_grey(image), pixels.is_transparent(image)
    return Head((height, width), grey, alpha, deep.is_deep(image))


def largest_level(place: Place, files: Sequence[File]) -> float:
    """Return the number that stands for white in deep files: one for the whole set."""

    def attempt(file: File) -> tuple[float, bool]:
        try:
            with opened(place, file) as image:
                values = deep.levels(image)
        except READ_ERRORS:
            return 0.0, True  # decoding will say so
        return deep.largest(values), image.mode != "F"

    found = list(mapped(attempt, files, f"measuring the levels of {place.name}"))
    return deep.top(max(n for n, _ in found), all(whole for _, whole in found))


def decode(
    place: Place, files: Sequence[File], form: Form, write: Callable[[Array8], None]
) -> Decoded:
    """Decode all files in order; write gets planes (n, C, H, W), broken files left out."""
    chunks = [files[part] for part in slices(len(files), CHUNK // int(np.prod(form.shape)))]

    def attempt(some: Sequence[File]) -> tuple[Array8, list[LeftOut]]:
        broken: list[LeftOut] = []
        rows: list[Array8] = []
        for file in some:
            try:
                rows.append(read(place, file, form))
            except READ_ERRORS as error:
                broken.append(LeftOut(file.name, reason(place, file, error)))
        height, width, channels = form.shape
        images = np.stack(rows) if rows else np.empty((0, height, width, channels), np.uint8)
        return np.ascontiguousarray(np.moveaxis(images, -1, 1)), broken

    broken: list[LeftOut] = []
    opaque = True
    what = f"decoding {place.name}"
    for planes, lost in mapped(attempt, chunks, what, weight=len):
        opaque = opaque and (form.channels != "rgba" or int(planes[:, 3].min(initial=255)) == 255)
        broken += lost
        write(planes)
    return Decoded(broken, opaque)


def verify(place: Place, files: Sequence[File]) -> list[LeftOut]:
    """Decode every file completely and return those that fail."""

    def attempt(file: File) -> LeftOut | None:
        try:
            with opened(place, file) as image:
                image.load()
        except READ_ERRORS as error:
            return LeftOut(file.name, reason(place, file, error))
        return None

    found = mapped(attempt, files, f"decoding {place.name}")
    return [one for one in found if one is not None]


def each(
    place: Place, files: Sequence[File], see: Callable[[Image.Image], T], what: str
) -> list[T]:
    """Return what ``see`` makes of each image, all of them sound, in order."""

    def attempt(file: File) -> T:
        with opened(place, file) as image:
            return see(image)

    return list(mapped(attempt, files, f"{what} {place.name}"))


def read(place: Place, file: File, form: Form) -> Array8:
    """Return one file in the data set's form, (height, width, channels).

    Raises:
        one of `READ_ERRORS`: it is damaged.
    """
    with opened(place, file) as image:
        return pixels.conform(image, form)


@contextmanager
def opened(place: Place, file: File) -> Generator[Image.Image]:
    """Open an image of a size that may be decoded.

    Raises:
        one of `READ_ERRORS`: it is damaged, no image, or too large.
    """
    with place.open(file.name) as stream, image_in(stream) as image:
        yield image


@contextmanager
def image_in(stream: BinaryIO) -> Generator[Image.Image]:
    """Open an image of a size that may be decoded, wherever its bytes come from.

    Raises:
        one of `READ_ERRORS`: it is damaged, no image, or too large.
    """
    with Image.open(stream, formats=formats()) as image:
        count = image.width * image.height
        if count > MAX_PIXELS:
            raise TooLargeError(f"{image.width} x {image.height} pixels")
        if count <= LARGE:
            yield image
        else:
            with _one_large:
                yield image


_one_large = threading.Lock()


def reason(place: Place, file: File, error: BaseException) -> str:
    """Say in a few words why a file cannot be read as an image."""
    try:
        with place.open(file.name) as stream:
            content = stream.read(4096)
    except OSError as failure:
        return f"cannot be read: {failure.strerror or failure}"
    return why(error, content)


def why(error: BaseException, content: bytes) -> str:
    """Say in a few words why what begins with these bytes cannot be read as an image."""
    if isinstance(error, TooLargeError | Image.DecompressionBombError):
        return (
            f"too large to decode: more than {MAX_PIXELS / 1e6:.0f} million pixels; "
            "scale it down, or leave it out"
        )
    if isinstance(error, MemoryError):
        return "too large for the memory that is free"
    if not content:
        return "empty file (0 bytes)"
    if not isinstance(error, UnidentifiedImageError):
        return f"damaged: {str(error) or type(error).__name__}"
    return "text, not an image" if is_text(content) else "not an image that can be read"


def mapped(
    function: Callable[[T], R],
    items: Sequence[T],
    what: str,
    weight: Callable[[Any], int] = lambda _: 1,
) -> Iterator[R]:
    """Apply a function in several threads, in order, a bounded number of items ahead."""
    with (
        _quiet(),
        Progress(what, sum(map(weight, items))) as progress,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        waiting: deque[tuple[int, Future[R]]] = deque()
        try:
            for item in items:
                waiting.append((weight(item), pool.submit(function, item)))
                if len(waiting) > 4 * THREADS:
                    yield _done(waiting, progress)
            while waiting:
                yield _done(waiting, progress)
        finally:
            for _, future in waiting:
                future.cancel()


def _done(waiting: deque[tuple[int, Future[R]]], progress: Progress) -> R:
    amount, future = waiting.popleft()
    result = future.result()
    progress.advance(amount)
    return result


@contextmanager
def _quiet() -> Generator[None]:
    """Leave it to our own messages to speak of large images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield
