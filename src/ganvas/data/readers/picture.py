"""One image of a file, with the limits that folders have."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from ganvas.data.pixels import Array8, Form
from ganvas.data.readers.decode import READ_ERRORS, read, reason
from ganvas.data.readers.place import File, Place, open_regular
from ganvas.errors import UsageError


class OneFile(Place):
    """A file by itself."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.files, self.broken, self.others = [File(path.name, 0, ())], [], []

    def open(self, name: str) -> BinaryIO:
        """Return the file's content."""
        del name
        return open_regular(self.path)

    def stamp(self) -> tuple[object, ...]:
        """Return the file's path."""
        return (str(self.path.resolve()),)


def read_picture(path: Path, form: Form) -> Array8:
    """Return the image of a file in a form, (height, width, channels).

    Raises:
        UsageError: it is none, damaged or too large.
    """
    place = OneFile(path)
    try:
        return np.array(read(place, place.files[0], form))  # Pillow's own memory is read-only
    except READ_ERRORS as error:
        why = reason(place, place.files[0], error)
        raise UsageError(f"{path} is no picture that can be read: {why}.") from None
