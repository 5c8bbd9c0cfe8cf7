"""A zip archive of images, read where it is."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from ganvas.data.readers.place import MAX_BYTES, LeftOut, Place, hidden
from ganvas.errors import UsageError

SUFFIX = ".zip"
ENCRYPTED = 1
"""The bit of a member's flags that says so."""


class Archive(Place):
    """Every member of a zip archive; none of them is unpacked to the disk.

    Raises:
        UsageError: the file is no zip archive, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        self.files, self.broken, self.others = [], [], []
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise UsageError(f"{path} cannot be read as a zip archive: {error}.") from None
        # Of several members of one name the last counts, as for whoever unpacks it.
        members = {one.filename: one for one in self._zip.infolist() if not one.is_dir()}
        for name, member in members.items():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if any(hidden(part) for part in name.split("/")):
                self.others.append(LeftOut(name, "hidden"))
            elif kind not in (0, stat.S_IFREG):
                self.others.append(LeftOut(name, "link or device in an archive"))
            elif member.flag_bits & ENCRYPTED:
                self.broken.append(LeftOut(name, "encrypted"))
            else:
                self._note(name, member.file_size, (member.CRC, member.compress_size))
        if repeated := len(self._zip.infolist()) - len({i.filename for i in self._zip.infolist()}):
            self.others.append(LeftOut(path.name, f"earlier members of the same name: {repeated}"))
        self.files.sort()
        self.broken.sort()
        self.others.sort()

    def open(self, name: str) -> BinaryIO:
        """Return a member's content."""
        try:
            with self._zip.open(name) as stream:
                return io.BytesIO(stream.read(MAX_BYTES))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise OSError(str(error)) from None

    def stamp(self) -> tuple[object, ...]:
        """Return the archive's own path, size and times."""
        found = self.path.stat()
        times = (found.st_mtime_ns, found.st_ctime_ns)
        return (str(self.path.resolve()), found.st_size, *times)
