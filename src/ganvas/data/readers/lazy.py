"""Images decoded when they are asked for: no memory, no disk, and the cost of it every time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ganvas.data.pixels import Array8, Form
from ganvas.data.readers.decode import READ_ERRORS, THREADS, read, reason
from ganvas.data.readers.place import File, Place
from ganvas.errors import GanvasError
from ganvas.slices import slices

Numbers = npt.NDArray[np.int64]

RUN = 16
"""Images that one thread decodes at least: handing them over has its price, too."""


class OnDemand(ABC):
    """Looks like an array uint8 (N, H, W, C), and decodes what is asked for.

    Indexed by a number, a slice or an array of numbers or truth values, it returns an array; as a
    whole (``numpy.asarray``) it decodes everything.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, form: Form) -> None:
        self._form = form

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        return (len(self), *self._form.shape)

    @property
    def nbytes(self) -> int:
        """What the array would take."""
        return int(np.prod(self.shape, dtype=np.int64))

    @abstractmethod
    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> Array8:
        """Return the images at an index along the first axis; further axes cut these.

        Raises:
            GanvasError: a file is no longer what it was.
        """
        first, *rest = cast("tuple[Any, ...]", index if isinstance(index, tuple) else (index,))
        rows = self._numbers(first)
        found = np.empty((rows.size, *self._form.shape), np.uint8)
        for place, image in enumerate(self._images(rows.ravel())):
            found[place] = image
        found = found.reshape(*rows.shape, *self._form.shape)
        return found[(slice(None),) * rows.ndim + tuple(rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype)

    def _numbers(self, index: Any) -> Numbers:
        """Return the rows that an index means, whatever their number, without listing all."""
        if isinstance(index, slice):
            return np.arange(*cast("slice[Any, Any, Any]", index).indices(len(self)))
        if isinstance(index, np.ndarray) and index.dtype.kind in "iu":
            rows = cast("Numbers", index)
            if rows.size and rows.min() >= 0 and rows.max() < len(self):
                return rows
        return np.arange(len(self))[index]

    def _images(self, rows: Numbers) -> Iterator[Array8]:
        """Give images in the order of their numbers, decoded by several threads."""
        size = max(-(-len(rows) // THREADS), RUN)
        runs: list[list[int]] = [rows[part].tolist() for part in slices(len(rows), size)]
        if len(runs) < 2:
            return map(self._image, rows.tolist())
        return chain.from_iterable(_pool().map(self._run, runs))

    def _run(self, rows: list[int]) -> list[Array8]:
        return [self._image(row) for row in rows]

    @abstractmethod
    def _image(self, row: int) -> Array8:
        """Return an image."""


class LazyImages(OnDemand):
    """Images in files of their own, of which names alone are held."""

    def __init__(self, place: Place, files: Sequence[File], form: Form) -> None:
        super().__init__(form)
        self._place, self._files = place, list(files)

    def part(self, start: int, stop: int) -> LazyImages:
        """Return the images from ``start`` to ``stop``, not decoded."""
        return LazyImages(self._place, self._files[start:stop], self._form)

    def __len__(self) -> int:
        return len(self._files)

    def _image(self, row: int) -> Array8:
        file = self._files[row]
        try:
            return read(self._place, file, self._form)
        except READ_ERRORS as error:
            raise GanvasError(
                f"{self._place.where}: {file.name} could be decoded when the run began and cannot "
                f"now: {reason(self._place, file, error)}."
            ) from None


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "ganvas-decode")
