"""What is known of images in shards after one look at all of them: a few bytes for each.

An index lies in the cache, from where it is mapped, so that the next start needs no look.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.data.cache import Cache, key_of, user_cache
from ganvas.data.items import class_order
from ganvas.data.readers.decode import READ_ERRORS, head_of, image_in, mapped, why
from ganvas.data.readers.place import Head, LeftOut
from ganvas.data.readers.tar import Broken, Found, Sample
from ganvas.errors import UsageError

Rows = npt.NDArray[Any]

log = logging.getLogger("ganvas")


@dataclass(frozen=True)
class Index:
    """All images of some shards.

    Attributes:
        rows: where each is and what it holds: number of its ``shard``, ``offset`` in it, ``size``,
            checksum ``crc``, number of its ``head``, its ``label`` or -1, its ``name``.
        heads: the different ones.
        class_names: by label.
        broken: images that have no row, and why.
        left_out: how many members are something else, the first of them, and what.
    """

    rows: Rows
    heads: list[Head]
    class_names: tuple[str, ...]
    broken: list[LeftOut]
    left_out: list[tuple[int, LeftOut]]

    @property
    def others(self) -> list[LeftOut]:
        """Members that are something else; each of a kind goes by the name of the first."""
        return [first for count, first in self.left_out for _ in range(count)]

    def name(self, row: int) -> str:
        """Return the name of an image in its shard."""
        return bytes(self.rows["name"][row]).decode("utf-8", "surrogateescape")

    def _about(self) -> dict[str, Any]:
        return {
            "width": self.rows.dtype["name"].itemsize,
            "heads": self.heads,
            "classes": self.class_names,
            "broken": self.broken,
            "left out": self.left_out,
        }

    def kept(self, cache: Cache, key: str, name: str) -> Index:
        """Return the index as it lies in the cache, or as it is where that cannot be written."""
        flat = self.rows.view(np.uint8).reshape(len(self.rows), 1, 1, -1)

        def fill(write: Callable[[npt.NDArray[np.uint8]], None]) -> tuple[dict[str, Any], int]:
            write(flat)
            return self._about(), 1

        try:
            cache.make(key, name, (1, 1, flat.shape[-1]), len(flat), fill)
        except OSError as error:
            log.warning("%s cannot be written (%s): the next start looks again", cache.root, error)
            return self
        return _found(cache, key, name) or self


class _Seen(NamedTuple):
    """What a look at one shard finds; heads and labels are numbered as they came."""

    rows: Rows
    heads: list[Head]
    labels: list[str]
    broken: list[LeftOut]
    left_out: list[tuple[int, LeftOut]]


def index(
    names: Sequence[str],
    walk: Callable[[int], Iterator[Found]],
    *,
    of: str,
    stamp: Sequence[object],
    place: str,
    classes: Sequence[str] = (),
    whole: bool = False,
) -> Index:
    """Return the index of shards, from the cache if it knows it.

    Args:
        names: of the shards.
        walk: gives what is in the shard of a number.
        of: what they are called together, for messages.
        stamp: what tells them from others.
        place: ``data.cache``.
        classes: their names in order, where that is known.
        whole: decode each image, so that none that turns out to be broken has a row.

    Raises:
        UsageError: a shard is damaged, or none holds an image.
    """
    cache = Cache(user_cache() if place in ("auto", "none") else Path(place).expanduser())
    key = key_of("shards", stamp, whole)

    def look() -> Index:
        what = f"looking at {of}"
        looks = mapped(lambda i: _look(walk(i), names[i], whole), range(len(names)), what)
        found = _joined(list(looks), tuple(classes))
        if len(found.rows):
            return found
        lost = next(iter([*found.broken, *found.others]), None)
        told = "" if lost is None else f"; it holds {lost.name}: {lost.reason}"
        raise UsageError(f"There is no image that can be read in {of}{told}.")

    if place == "memory":
        return look()
    if (known := _found(cache, key, of)) is not None:
        return known
    with suppress(OSError):
        cache.root.mkdir(parents=True, exist_ok=True)
    with cache.alone(f"look {key}"):
        if (known := _found(cache, key, of)) is not None:
            return known
        return look().kept(cache, key, of)


def _found(cache: Cache, key: str, name: str) -> Index | None:
    if (stored := cache.find(key, name)) is None:
        return None
    about = stored.about
    rows = stored.planes.reshape(len(stored.planes), -1).view(_layout(about["width"])).reshape(-1)
    heads = [Head((h, w), grey, alpha, deep) for (h, w), grey, alpha, deep in about["heads"]]
    return Index(
        rows,
        heads,
        tuple(about["classes"]),
        [LeftOut(*one) for one in about["broken"]],
        [(count, LeftOut(*one)) for count, one in about["left out"]],
    )


def _look(found: Iterator[Found], shard: str, whole: bool) -> _Seen:
    rows: list[tuple[int, int, int, int, int, int, bytes]] = []
    heads: dict[Head, int] = {}
    labels: dict[str, int] = {}
    broken: list[LeftOut] = []
    others: dict[str, tuple[int, LeftOut]] = {}
    for one in found:
        match one:
            case Sample(name, offset, content, label):
                try:
                    with image_in(io.BytesIO(content)) as image:
                        head = heads.setdefault(head_of(image), len(heads))
                        if whole:
                            image.load()
                except READ_ERRORS as error:
                    broken.append(LeftOut(f"{shard}/{name}", why(error, content[:4096])))
                    continue
                code = -1 if label is None else labels.setdefault(label, len(labels))
                crc, told = zlib.crc32(content), name.encode("utf-8", "surrogateescape")
                rows.append((0, offset, len(content), crc, head, code, told))
            case Broken(name, reason):
                broken.append(LeftOut(f"{shard}/{name}", reason))
            case LeftOut(name, reason):
                count, first = others.get(reason, (0, LeftOut(f"{shard}/{name}", reason)))
                others[reason] = (count + 1, first)
    width = max((len(row[-1]) for row in rows), default=1)
    return _Seen(
        np.array(rows, _layout(width)), list(heads), list(labels), broken, [*others.values()]
    )


def _joined(looks: Sequence[_Seen], classes: tuple[str, ...]) -> Index:
    heads: dict[Head, int] = {}
    classes = classes or class_order([label for seen in looks for label in seen.labels])
    code = {name: i for i, name in enumerate(classes)}
    layout = _layout(max(seen.rows.dtype["name"].itemsize for seen in looks))
    others: dict[str, tuple[int, LeftOut]] = {}
    for shard, seen in enumerate(looks):
        numbers = [heads.setdefault(head, len(heads)) for head in seen.heads]
        codes = [code[label] for label in seen.labels]
        seen.rows["shard"] = shard
        seen.rows["head"] = np.array([*numbers, 0])[seen.rows["head"]]
        seen.rows["label"] = np.array([*codes, -1])[seen.rows["label"]]
        for count, first in seen.left_out:
            before, known = others.get(first.reason, (0, first))
            others[first.reason] = (before + count, known)
    rows = np.concatenate([seen.rows.astype(layout) for seen in looks])
    broken = [one for seen in looks for one in seen.broken]
    return Index(rows, list(heads), classes, broken, list(others.values()))


def require_pairs(found: Index, names: Sequence[str]) -> None:
    """Refuse images without a class where others have one.

    Raises:
        UsageError: there are some.
    """
    lacking = found.rows["label"] < 0
    if not lacking.any() or lacking.all():
        return
    without, with_one = (int(np.argmax(one)) for one in (lacking, ~lacking))
    shards = [names[int(found.rows["shard"][row])] for row in (without, with_one)]
    count, total = int(lacking.sum()), len(lacking)
    raise UsageError(
        f'{shards[0]}/{found.name(without)} has no class (a .cls, or a .json with a "label", '
        f"beside it), and {shards[1]}/{found.name(with_one)} has; {count:,} of {total:,} images "
        "have none. Give each its class, or leave classes out with data.labels=false."
    )


def _layout(width: int) -> np.dtype[Any]:
    """Return how a row lies in the cache, whatever the machine."""
    return np.dtype(
        [
            *(("shard", "<u4"), ("offset", "<u8"), ("size", "<u4"), ("crc", "<u4")),
            *(("head", "<u4"), ("label", "<i4"), ("name", f"S{width}")),
        ]
    )
