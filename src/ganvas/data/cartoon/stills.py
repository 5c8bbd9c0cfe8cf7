"""Sets of stills of cartoon faces, each of another person: painted once, then mapped from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from ganvas.data.cache import Cache, key_of, user_cache
from ganvas.data.cartoon.factors import ATTRIBUTES, Array8, Faces, Sampler
from ganvas.data.cartoon.painting import CHUNK, pictures
from ganvas.data.domain import Domain
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.image_options import ImageOptions
from ganvas.data.items import AnyArray, Collection, Items
from ganvas.data.pixels import show
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.slices import slices

SMALL: Final = 32
"""Edge in pixels of the faces that nobody asked otherwise."""
SIZES: Final = {"train": 4000, "test": 1000}
LARGE: Final = {"train": 20_000, "test": 2000}
"""How many there are, and how many of more than `SMALL` pixels: the first are the same faces."""
SEEDS: Final = {"train": 0, "test": 2}
NUMBERS: Final = ("yaw", "smile", "age")
"""Factors behind attributes that are more than there or not there."""
EDGES: Final = (16, 512)
VERSION: Final = 2
"""Of the painting: another one has other pictures."""


def stills(name: str, sampler: Sampler, settings: DataSettings) -> Collection:
    """Return a set of faces in the size asked for, 32 pixels if none is.

    Raises:
        UsageError: faces of that size are not drawn.
    """
    options = settings.of(ImageOptions)
    size = _size(name, options)
    counts = SIZES if size <= SMALL else LARGE
    splits = {
        split: _items(Faces.draw(count, SEEDS[split], sampler), size, options.cache)
        for split, count in counts.items()
    }
    domains: dict[str, Domain] = {
        "tags": Tags(called=list(ATTRIBUTES)),
        **{name: Vector.around(splits["train"][name], [name]) for name in NUMBERS},
    }
    return Collection(name, splits, domains=domains)


def _items(faces: Faces, size: int, cache: str) -> Items:
    numbers: dict[str, AnyArray] = {name: faces[name][:, None] for name in NUMBERS}
    return Items({"x": kept_pictures(faces, size, cache), "tags": faces.tags, **numbers})


def kept_pictures(faces: Faces, size: int, cache: str = "auto") -> Array8:
    """Return pictures (N, size, size, 3), painted once and then mapped from the cache.

    Args:
        faces: whose.
        size: edge in pixels.
        cache: as ``data.cache``; "memory" and "none" paint them anew.

    Raises:
        UsageError: a cache folder that was named cannot be written.
    """
    if cache in ("memory", "none"):
        return pictures(faces, size)
    found = Cache(user_cache() if cache == "auto" else Path(cache).expanduser())
    factors = np.stack(list(faces.factors.values()))
    key = key_of("cartoon faces", VERSION, size, factors.tobytes().hex())

    def fill(write: Callable[[Array8], None]) -> tuple[dict[str, Any], int]:
        for part in slices(len(faces), CHUNK):
            write(np.moveaxis(pictures(faces.rows(part), size), -1, 1))
        return {}, 3

    try:
        stored = found.find(key, "faces") or found.make(
            key, "faces", (3, size, size), len(faces), fill
        )
    except OSError as error:
        if cache != "auto":
            reason = f"{found.root} cannot be written ({error.strerror or error})"
            raise UsageError(f"{reason}: give another folder with data.cache=DIR.") from None
        return pictures(faces, size)
    return np.moveaxis(stored.planes, 1, -1)


def _size(name: str, settings: ImageOptions) -> int:
    height, width = settings.height_width or (SMALL, SMALL)
    least, most = EDGES
    if height != width or not least <= height <= most:
        raise UsageError(
            f"{name} are drawn in the size asked for, which {show((height, width))} is not: "
            f"expected a square, data.size={least} to {most}."
        )
    return height
