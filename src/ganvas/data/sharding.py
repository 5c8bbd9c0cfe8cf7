"""Writing shards: the images of a folder or archive, mixed, as tar archives of about one size."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganvas.data.items import WHOLE
from ganvas.data.laws import REFERENCE_SEED
from ganvas.data.progress import Progress
from ganvas.data.readers.braces import SUFFIX
from ganvas.data.readers.images import Survey
from ganvas.data.readers.place import File
from ganvas.data.readers.tar import BLOCK, CLASS, JSON
from ganvas.data.records import LABEL
from ganvas.errors import UsageError
from ganvas.files import replacing

DIGITS = 3


class _Member(NamedTuple):
    """An image on its way into a shard.

    Attributes:
        file: where it is.
        key: what it is called there, up to the suffix.
        label: its class, or nothing.
    """

    file: File
    key: str
    label: str


def write_shards(found: Survey, out: Path, size: int) -> str:
    """Write images as they are stored, with their classes, in WebDataset's layout.

    The images of a split are mixed, alike each time, so that any part of it stands for all. A class
    that is a whole number is written as ``KEY.cls``, another one as "label" in ``KEY.json``.

    Args:
        found: the images.
        out: a folder without shards.
        size: bytes of a shard at most, but for what its last image adds.

    Returns:
        The pattern by which ``data.source`` names all of them.

    Raises:
        UsageError: there are shards already, or an image cannot be read.
        GanvasError: the folder cannot be written.
    """
    if any(out.glob(f"*{SUFFIX}")):
        raise UsageError(f"{out} holds shards already; give a new or empty folder.")
    plan: dict[str, list[list[_Member]]] = {}
    for split, files in found.splits.items():
        labels = found.columns.get(split, {}).get(LABEL, [""] * len(files))
        keys = _keys(files)
        members = [_Member(*one) for one in zip(files, keys, labels, strict=True)]
        order = np.random.Generator(np.random.PCG64(REFERENCE_SEED)).permutation(len(files))
        mixed: list[_Member] = [members[i] for i in order.tolist()]
        plan[split] = list(_parts(mixed, size))
    digits = max(DIGITS, *(len(str(len(parts) - 1)) for parts in plan.values()))
    written: list[Path] = []
    with Progress(f"writing {out}", len(found.files)) as progress:
        try:
            for split, parts in plan.items():
                for number, part in enumerate(parts):
                    name = f"{_prefix(split, plan)}{number:0{digits}d}{SUFFIX}"
                    _write(out / name, part, found, progress)
                    written.append(out / name)
        except BaseException:  # some of the shards would be taken for all of them
            for path in written:
                with suppress(OSError):
                    path.unlink()
            raise
    words = [_prefix(split, plan) + _numbers(len(parts), digits) for split, parts in plan.items()]
    inside = words[0] if len(words) == 1 else f"{{{','.join(words)}}}"
    return f"{out.as_posix()}/{inside}{SUFFIX}"


def _write(path: Path, members: Sequence[_Member], found: Survey, progress: Progress) -> None:
    with (
        replacing(path) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for file, key, label in members:
            try:
                with found.place.open(file.name) as image:
                    content = image.read()
            except OSError as error:
                reason = error.strerror or error
                raise UsageError(f"{found.place.where}: {file.name}: {reason}.") from None
            _add(archive, f"{key}.{file.name.rpartition('.')[2].lower()}", content)
            if label:
                _add(archive, *_beside(key, label))
            progress.advance()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _beside(key: str, label: str) -> tuple[str, bytes]:
    """Return the file that says the class of an image."""
    if WHOLE.fullmatch(label):
        return f"{key}.{CLASS}", label.encode()
    return f"{key}.{JSON}", json.dumps({LABEL: label}, ensure_ascii=False).encode()


def _keys(files: Sequence[File]) -> list[str]:
    """Return names without suffixes, in which only folders have dots, all different."""
    keys: dict[str, None] = {}
    for file in files:
        folder, slash, base = file.name.rpartition("/")
        key = folder + slash + base.rpartition(".")[0].replace(".", "_")
        while key in keys:
            key += "_"
        keys[key] = None
    return list(keys)


def _parts(members: Sequence[_Member], size: int) -> Iterator[list[_Member]]:
    """Cut images into as few parts of at most ``size`` bytes as there can be, about alike."""
    sizes = [_room(member) for member in members]
    count = min(-(-sum(sizes) // size), len(members))
    each, taken, part = sum(sizes) / max(count, 1), 0, list[_Member]()
    made = 1
    for member, room in zip(members, sizes, strict=True):
        if part and taken + room / 2 > made * each:
            yield part
            part, made = [], made + 1
        part.append(member)
        taken += room
    yield part


def _room(member: _Member) -> int:
    """Return the bytes that an image and its class take in a shard, but for the longest names."""
    return BLOCK - member.file.size // -BLOCK * BLOCK + 2 * BLOCK * bool(member.label)


def _prefix(split: str, plan: dict[str, list[list[_Member]]]) -> str:
    return f"{split}-" if len(plan) > 1 else ""


def _numbers(count: int, digits: int) -> str:
    first, last = f"{0:0{digits}d}", f"{count - 1:0{digits}d}"
    return first if count == 1 else f"{{{first}..{last}}}"
