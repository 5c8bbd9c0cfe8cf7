"""A hash of what data are, wherever they lie and however they are called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from ganvas.data.items import AnyArray
from ganvas.data.source import Source
from ganvas.slices import slices

CHUNK = 2**24
"""Bytes that are hashed at a time."""


def fingerprint(source: Source) -> str:
    """Return a hash of every value of every field of the data; empty where they are drawn.

    It is that of the data as they are read, after cropping and resizing, so that files may move; of
    a stream or of videos, that of their files' checksums.
    """
    content = source.content()
    if not content:
        return ""
    total = hashlib.sha256(json.dumps(source.spec.class_names).encode())
    for split, items in sorted(content.items()):
        total.update(split.encode())
        for name, array in sorted(items.fields.items()):
            total.update(f"{name} {array.dtype.str} {array.shape}".encode())
            if (digest := getattr(array, "digest", None)) is not None:
                total.update(digest().encode())
                continue
            for piece in _pieces(array):
                total.update(piece)
    return total.hexdigest()


def _pieces(array: AnyArray) -> Iterator[memoryview]:
    """Give the bytes of an array row by row, wherever they lie and in whatever order."""
    rows = max(CHUNK * len(array) // max(array.nbytes, 1), 1)
    for part in slices(len(array), rows):
        yield np.ascontiguousarray(array[part]).data
