"""Looking through films once: what was seen is kept in the user's cache folder, film by film."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganvas.data.cache import key_of, user_cache
from ganvas.data.readers.decode import READ_ERRORS, TooLargeError, mapped, why
from ganvas.data.readers.films import Film, FilmError, Seen
from ganvas.data.readers.place import Head, LeftOut, Place
from ganvas.files import replacing

VERSION = 2


def look(place: Place, films: Sequence[Film]) -> tuple[list[Seen | None], list[LeftOut]]:
    """Return what is known of each film, None of those that are broken, and why they are.

    Films whose size and times are as they were are not decoded again.
    """
    index = user_cache() / f"films-{key_of(place.stamp(), VERSION)[:32]}.npz"
    known = _read(index)

    def attempt(film: Film) -> Seen | LeftOut:
        if (before := known.get(_stamp(film))) is not None:
            return before
        try:
            return film.look()
        except READ_ERRORS as error:
            return LeftOut(film.name, reason(error))

    found = list(mapped(attempt, films, f"looking through {place.name}"))
    seen = [None if isinstance(one, LeftOut) else one for one in found]
    fresh = {_stamp(f): one for f, one in zip(films, seen, strict=True) if one is not None}
    if fresh.keys() - known.keys():
        with contextlib.suppress(OSError):  # it is looked through again the next time
            _write(index, fresh)
    return seen, [one for one in found if isinstance(one, LeftOut)]


def reason(error: BaseException) -> str:
    """Say in a few words why a film cannot be read."""
    if isinstance(error, FilmError) and not isinstance(error, TooLargeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return why(error, b"\0")


def _stamp(film: Film) -> str:
    return json.dumps([*film.file, type(film).__name__, getattr(film, "size", None)])


def _write(path: Path, known: Mapping[str, Seen]) -> None:
    rows = [
        [stamp, *one.head, one.end, one.timed, one.origin, one.crc, len(one.times), len(one.keys)]
        for stamp, one in known.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.savez(
            file,
            rows=np.array(json.dumps(rows)),
            times=np.concatenate([one.times for one in known.values()]),
            keys=np.concatenate([one.keys for one in known.values()]),
        )


def _read(path: Path) -> dict[str, Seen]:
    """Return what was written, or nothing of a file that is not whole."""
    found: dict[str, Seen] = {}
    try:
        with np.load(path, allow_pickle=False) as held:
            rows: list[list[Any]] = json.loads(str(held["rows"]))
            times, keys = held["times"], held["keys"]
        for stamp, size, grey, alpha, deep, end, timed, origin, crc, count, starts in rows:
            head = Head((int(size[0]), int(size[1])), grey, alpha, deep)
            found[stamp] = Seen(head, times[:count], end, keys[:starts], timed, origin, crc)
            times, keys = times[count:], keys[starts:]
    except Exception:
        return {}
    return found
