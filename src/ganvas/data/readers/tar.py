"""One shard in WebDataset's layout: a tar archive in which the files of a sample stand together.

A sample is an image, ``KEY.jpg``, and what goes with it: its class as ``KEY.cls``, or as "label" in
``KEY.json``. KEY is a path up to the first dot of its last part.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from ganvas.data.readers.place import MAX_BYTES, LeftOut, hidden, printable, suffixes, too_large
from ganvas.data.records import LABEL
from ganvas.errors import UsageError

BLOCK = 512
"""Bytes that a tar archive consists of; one of zeros is its end."""
CLASS, JSON = "cls", "json"
WORDS = 2**20
"""Bytes of a label's file at most."""


class Sample(NamedTuple):
    """An image and its class.

    Attributes:
        name: of the image, in its shard.
        offset: of its first byte.
        content: its bytes.
        label: its class, where the shard says one.
    """

    name: str
    offset: int
    content: bytes
    label: str | None


class Broken(NamedTuple):
    """An image that is not read, and why."""

    name: str
    reason: str


Found = Sample | Broken | LeftOut


def walk(stream: BinaryIO, where: str) -> Iterator[Found]:
    """Give the samples of a shard in order, and what else is in it.

    Raises:
        UsageError: it is damaged or ends too early, a label has no image, or a sample two.
    """
    sample = _Open("", where)
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            end = 0
            while (member := archive.next()) is not None:
                setattr(archive, "members", [])  # noqa: B010 - else it remembers all of them
                end = member.offset_data + -(-member.size // BLOCK) * BLOCK
                if member.isdir():
                    continue
                folder, slash, base = member.name.rpartition("/")
                if not member.isreg() or hidden(base):
                    kind = "hidden" if member.isreg() else "link or device in an archive"
                    yield LeftOut(member.name, kind)
                    continue
                stem, _, suffix = base.partition(".")
                if (key := folder + slash + stem) != sample.key:
                    yield from sample.closed()
                    sample = _Open(key, where)
                yield from sample.add(member, suffix.lower(), stream)
            stream.seek(end)
            if stream.read(BLOCK) != bytes(BLOCK):
                raise tarfile.ReadError(f"it breaks off, or is damaged, at byte {end:,}")
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise UsageError(
            f"{where} is no whole tar archive: {error}; copy or write it anew."
        ) from None
    yield from sample.closed()


class _Open:
    """A sample of which more members may come."""

    def __init__(self, key: str, where: str) -> None:
        self.key = key
        self._where = where
        self._image: tuple[str, int, bytes] | None = None
        self._lost = False
        self._label: tuple[str, str | None] | None = None

    def add(self, member: tarfile.TarInfo, suffix: str, stream: BinaryIO) -> Iterator[Found]:
        """Take a member that belongs to the sample."""
        if f".{suffix.rpartition('.')[2]}" in suffixes():
            if self._image is not None or self._lost:
                raise self._refused(member.name, "is the second image of a sample; expected one")
            if member.size > MAX_BYTES:
                self._lost = True
                yield Broken(member.name, too_large(member.size))
            else:
                self._image = (member.name, member.offset_data, _content(member, stream))
        elif suffix in (CLASS, JSON):
            self._label = (member.name, self._read(member, suffix, stream) or self._known())
        else:
            yield LeftOut(member.name, f".{suffix} file, neither an image nor a label")

    def closed(self) -> Iterator[Found]:
        """Give the sample, all of whose members have come."""
        if self._image is not None:
            yield Sample(*self._image, self._known())
        elif self._label is not None and not self._lost:
            raise self._refused(
                self._label[0],
                "has no image beside it; the files of a sample stand side by side "
                "(tar --sort=name)",
            )

    def _known(self) -> str | None:
        return None if self._label is None else self._label[1]

    def _read(self, member: tarfile.TarInfo, suffix: str, stream: BinaryIO) -> str | None:
        """Return the class in a member; None in one of JSON that has no "label"."""
        if member.size > WORDS:
            raise self._refused(member.name, f"is no label: {too_large(member.size)}")
        content = _content(member, stream)
        try:
            if suffix == CLASS:
                label: Any = content.decode().strip()
            else:
                known: Any = json.loads(content)
                label = cast(dict[str, Any], known).get(LABEL) if isinstance(known, dict) else None
        except (ValueError, RecursionError) as error:
            raise self._refused(member.name, f"cannot be read as a label: {error}") from None
        if label is None:
            return None
        if isinstance(label, bool) or not isinstance(label, int | str) or not str(label).strip():
            raise self._refused(
                member.name, f"holds {str(label)[:40]!r}; a label is a name or a whole number"
            )
        return str(label).strip()

    def _refused(self, name: str, what: str) -> UsageError:
        return UsageError(f"{self._where}: {printable(name)} {what}.")


def _content(member: tarfile.TarInfo, stream: BinaryIO) -> bytes:
    stream.seek(member.offset_data)
    content = stream.read(member.size)
    if len(content) < member.size:
        raise tarfile.ReadError(f"it breaks off within {printable(member.name)}")
    return content
