"""A folder of images, at any depth; linked folders are followed once."""

from __future__ import annotations

import heapq
import os
from pathlib import Path
from typing import BinaryIO

from ganvas.data.readers.place import LeftOut, Place, Wanted, hidden, irregular, open_regular


class Folder(Place):
    """Every file below a folder; none of them is opened.

    Args:
        path: of the folder.
        wanted: which files; None: images.
    """

    def __init__(self, path: Path, wanted: Wanted | None = None) -> None:
        self.path, self.wanted = path, wanted
        self.name = path.resolve().name
        self.files, self.broken, self.others = [], [], []
        self._links: list[str] = []
        self._seen: set[tuple[int, int]] = set()
        self._walk("")
        # The tree itself comes first: where a link leads back into it, the link is left out.
        while self._links:
            self._walk(heapq.heappop(self._links))
        self.files.sort()
        self.broken.sort()
        self.others.sort()

    def open(self, name: str) -> BinaryIO:
        """Return a file's content."""
        return open_regular(self.path / name)

    def stamp(self) -> tuple[object, ...]:
        """Return the folder's own path."""
        return (str(self.path.resolve()),)

    def _walk(self, top: str) -> None:
        """Enter what lies below a folder, links to folders apart."""
        pending = [top]
        while pending:
            below = pending.pop()
            found = os.stat(self.path / below)
            if (place := (found.st_dev, found.st_ino)) in self._seen:
                self.others.append(LeftOut(below, "link to a folder that is read already"))
                continue
            self._seen.add(place)
            try:
                with os.scandir(self.path / below) as entries:
                    pending += filter(None, [self._enter(below, entry) for entry in entries])
            except OSError as error:
                self.broken.append(LeftOut(below, f"folder cannot be read: {error.strerror}"))

    def _enter(self, below: str, entry: os.DirEntry[str]) -> str | None:
        """Enter a file, or return the name of a folder to walk through."""
        name = f"{below}/{entry.name}" if below else entry.name
        if hidden(entry.name):
            self.others.append(LeftOut(name, "hidden"))
            return None
        if entry.is_dir(follow_symlinks=False):
            return name
        try:
            found = entry.stat()
        except OSError as error:
            self.broken.append(LeftOut(name, f"cannot be read: {error.strerror}"))
            return None
        if entry.is_dir():
            heapq.heappush(self._links, name)
        elif reason := irregular(found):
            self.broken.append(LeftOut(name, reason))
        else:
            self._note(name, found.st_size, (found.st_mtime_ns, found.st_ctime_ns))
        return None
