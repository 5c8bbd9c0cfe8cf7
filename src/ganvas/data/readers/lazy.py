"""Images decoded when they are asked for: no memory, no disk, and the cost of it every time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ganvas.data.pixels import Array8, Form
from ganvas.data.readers.decode import READ_ERRORS, THREADS, read, reason
from ganvas.data.readers.place import File, Place
from ganvas.errors import GanvasError


class LazyImages:
    """Looks like an array uint8 (N, H, W, C) and holds the names of files alone.

    Indexed by a number, a slice or an array of numbers or truth values, it returns an array; as a
    whole (``numpy.asarray``) it decodes everything.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, place: Place, files: Sequence[File], form: Form) -> None:
        self._place, self._files, self._form = place, list(files), form

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        return (len(self._files), *self._form.shape)

    @property
    def nbytes(self) -> int:
        """What the array would take."""
        return int(np.prod(self.shape, dtype=np.int64))

    def part(self, start: int, stop: int) -> LazyImages:
        """Return the images from ``start`` to ``stop``, not decoded."""
        return LazyImages(self._place, self._files[start:stop], self._form)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: Any) -> Array8:
        """Return the images at an index along the first axis; further axes cut these.

        Raises:
            GanvasError: a file is no longer what it was.
        """
        first, *rest = cast("tuple[Any, ...]", index if isinstance(index, tuple) else (index,))
        rows = np.arange(len(self))[first]
        found = np.empty((rows.size, *self._form.shape), np.uint8)
        if rows.size > 1:
            with ThreadPoolExecutor(min(THREADS, rows.size)) as pool:
                for place, image in enumerate(pool.map(self._image, rows.ravel().tolist())):
                    found[place] = image
        elif rows.size:
            found[0] = self._image(int(rows.ravel()[0]))
        found = found.reshape(*rows.shape, *self._form.shape)
        return found[(slice(None),) * rows.ndim + tuple(rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype)

    def _image(self, row: int) -> Array8:
        file = self._files[row]
        try:
            return read(self._place, file, self._form)
        except READ_ERRORS as error:
            raise GanvasError(
                f"{self._place.path}: {file.name} could be decoded when the run began and cannot "
                f"now: {reason(self._place, file, error)}."
            ) from None
