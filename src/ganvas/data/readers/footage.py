"""Frames of films at the size at which they are trained on: kept in memory, on disk, or nowhere.

All frames of a set lie in one file, film after film, plane by plane, so that films may differ in
size where clips are cut out of them at random.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data import pixels
from ganvas.data.cache import Cache, key_of, user_cache
from ganvas.data.memory import amount, free_memory
from ganvas.data.pixels import Array8, Form
from ganvas.data.readers.decode import READ_ERRORS, mapped
from ganvas.data.readers.films import Film, Seen
from ganvas.data.readers.place import Place
from ganvas.errors import DataError, GanvasError, UsageError

Numbers = npt.NDArray[np.int64]

SMALL = 64 * 2**20
"""Sets of fewer bytes are decoded into memory each time."""
SPARE = 0.9
"""Share of the free memory that a set may take."""
AT_ONCE = 16 * 2**20
"""Films of fewer bytes are decoded side by side, others one after the other, piece by piece."""
PIECE = 64
"""Frames of a piece."""

log = logging.getLogger("ganvas")


class Footage(ABC):
    """Frames of several films.

    Args:
        forms: of each film's frames.

    Attributes:
        held: whether they lie in memory.
    """

    held = False

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = forms

    @abstractmethod
    def take(self, film: int, numbers: Numbers) -> Array8:
        """Return frames of a film, in any order, as planes (n, C, h, w).

        Raises:
            GanvasError: its file is not what it was.
        """


class Kept(Footage):
    """Frames that lie one after the other.

    Args:
        forms: of each film's frames.
        counts: of each film's frames.
        planes: all bytes, in a row.
    """

    def __init__(self, forms: Sequence[Form], counts: Sequence[int], planes: Array8) -> None:
        super().__init__(forms)
        self.held = type(planes) is np.ndarray and planes.base is None
        self._films: list[Array8] = []
        start = 0
        for form, count in zip(forms, counts, strict=True):
            stop = start + count * size_of(form)
            height, width, channels = form.shape
            self._films.append(planes[start:stop].reshape(count, channels, height, width))
            start = stop

    def take(self, film: int, numbers: Numbers) -> Array8:
        """Return frames of a film."""
        return np.take(self._films[film], numbers, axis=0)


class OnDemand(Footage):
    """Frames that are decoded whenever they are asked for."""

    def __init__(
        self, forms: Sequence[Form], films: Sequence[Film], seen: Sequence[Seen], where: str
    ) -> None:
        super().__init__(forms)
        self._films, self._seen, self._where = films, seen, where

    def take(self, film: int, numbers: Numbers) -> Array8:
        """Return frames of a film, decoded now."""
        distinct, back = np.unique(numbers, return_inverse=True)
        one = self._films[film]
        try:
            shown = one.frames(distinct.tolist(), self._seen[film])
            found = [pixels.conform(picture, self.forms[film]) for picture in shown]
        except READ_ERRORS as error:
            raise changed(self._where, one, error) from None
        return np.moveaxis(np.stack(found), -1, 1)[back]


def footage(
    place: Place,
    films: Sequence[Film],
    seen: Sequence[Seen],
    forms: Sequence[Form],
    where: str,
) -> Footage:
    """Return the frames of films, kept as ``data.cache`` says.

    Args:
        place: where the films are.
        films: all of them.
        seen: what is known of each.
        forms: that their frames take.
        where: ``auto``, ``memory``, ``none`` or a folder.

    Raises:
        UsageError: there is no room.
        GanvasError: a film is not what it was.
    """
    if where == "none":
        return OnDemand(forms, films, seen, place.where)
    counts = [len(one.times) for one in seen]
    total = sum(count * size_of(form) for count, form in zip(counts, forms, strict=True))

    def decoded() -> Iterator[Array8]:
        return _decoded(place, films, seen, forms)

    if where == "memory" or (where == "auto" and total < SMALL):
        return Kept(forms, counts, _into_memory(place, total, decoded()))
    named = where != "auto"
    cache = Cache(Path(where).expanduser() if named else user_cache())
    key = key_of(place.stamp(), "frames", [film.file for film in films], [str(f) for f in forms])

    def fill(write: Callable[[Array8], None]) -> tuple[dict[str, Any], int]:
        for planes in decoded():
            write(planes.reshape(-1, 1, 1, 1))
        return {}, 1

    try:
        stored = cache.find(key, place.where) or cache.make(
            key, place.where, (1, 1, 1), total, fill
        )
    except OSError as error:
        reason = f"{cache.root} cannot be written ({error.strerror or error})"
        if named:
            raise UsageError(
                f"{reason}: give another folder with data.cache=DIR, or data.cache=memory, or none."
            ) from None
        log.warning("%s: %s is kept in memory", reason, place.where)
        return Kept(forms, counts, _into_memory(place, total, decoded()))
    return Kept(forms, counts, stored.planes.reshape(-1))


def size_of(form: Form) -> int:
    """Return the bytes of a frame."""
    return int(np.prod(form.shape))


def changed(where: str, film: Film, error: Exception) -> GanvasError:
    """Return the error of a film that cannot be read any more as it could."""
    return GanvasError(
        f"{where}: {film.name} could be decoded when it was looked through and cannot now: {error}."
    )


def _decoded(
    place: Place, films: Sequence[Film], seen: Sequence[Seen], forms: Sequence[Form]
) -> Iterator[Array8]:
    """Give the frames of all films in order, as planes (n, C, h, w)."""

    def attempt(row: int) -> list[Array8] | None:
        if len(seen[row].times) * size_of(forms[row]) > AT_ONCE:
            return None
        return list(_pieces(place, films[row], seen[row], forms[row]))

    rows = range(len(films))
    for row, pieces in zip(rows, mapped(attempt, rows, f"decoding {place.name}"), strict=True):
        yield from pieces or _pieces(place, films[row], seen[row], forms[row])


def _pieces(place: Place, film: Film, seen: Seen, form: Form) -> Iterator[Array8]:
    waiting: list[Array8] = []
    try:
        for picture in film.frames(range(len(seen.times)), seen):
            waiting.append(pixels.conform(picture, form))
            if len(waiting) == PIECE:
                yield np.moveaxis(np.stack(waiting), -1, 1)
                waiting = []
    except READ_ERRORS as error:
        raise changed(place.where, film, error) from None
    if waiting:
        yield np.moveaxis(np.stack(waiting), -1, 1)


def _into_memory(place: Place, total: int, planes: Iterator[Array8]) -> Array8:
    free = free_memory()
    if free is not None and total > SPARE * free:
        raise DataError(
            f"{place.where} takes {amount(total)} decoded, with {amount(free)} of memory free.",
            "Keep it on disk with data.cache=auto or data.cache=DIR, make the frames smaller with "
            "data.size, or decode each batch anew with data.cache=none (slow).",
        )
    whole = np.empty(total, np.uint8)
    filled = 0
    for some in planes:
        whole[filled : filled + some.size] = some.reshape(-1)
        filled += some.size
    return whole
