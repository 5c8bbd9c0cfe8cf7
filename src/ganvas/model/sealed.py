"""Safetensors files that notice damage: a SHA-256 of all their bytes stands in their metadata.

The hash is taken with zeros in its own place. Other programs read such a file as any other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ganvas.errors import GanvasError, UsageError
from ganvas.files import disk_errors, misspelt, replacing
from ganvas.given import path_of

DIGEST = "sha256"
BLANK = "0" * 64
TOLD = "ganvas"
"""In the metadata, what a file says of itself: plain values, of which ``format`` is its kind."""
PLACE = re.compile(rb'"sha256":"([0-9a-f]{64})"')  # quotes inside metadata are escaped: no match


class DamageError(ValueError):
    """The bytes are not those that were written; the message says how that shows."""


class ForeignError(DamageError):
    """The bytes are no safetensors file, and never were one that ganvas wrote."""


def write_sealed(
    path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str], deep: bool = True
) -> str:
    """Write tensors and metadata to a file whole or not at all (`replacing`), and return its hash.

    Equal content gives equal bytes.

    Raises:
        GanvasError: it cannot be written.
    """
    plain = save(tensors)
    end = _header_end(plain)
    described = {"__metadata__": {DIGEST: BLANK, **metadata}, **json.loads(plain[8:end])}
    text = json.dumps(described, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format wants tensors to begin at multiples of 8
    head, body = len(text).to_bytes(8, "little") + text, memoryview(plain)[end:]
    digest = _digest(head, body)
    with replacing(path, deep) as file:
        file.write(head.replace(BLANK.encode(), digest.encode(), 1))
        file.write(body)
    return digest


def read_sealed(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the metadata and tensors of a safetensors file, and see that a sealed one is whole.

    A file without a seal is read too; its metadata have no `DIGEST`.

    Raises:
        ForeignError: it is no safetensors file.
        DamageError: it is not as it was written.
        GanvasError: the disk does not give it.
    """
    with disk_errors(path):
        content = path.read_bytes()
    end = _header_end(content)
    head, body = content[:end], memoryview(content)[end:]
    place = PLACE.search(head)
    if place is not None:
        blank = head[: place.start(1)] + BLANK.encode() + head[place.end(1) :]
        if _digest(blank, body) != place[1].decode():
            raise DamageError("its checksum is not that of its content")
    try:
        tensors = load(content)
        found: Any = json.loads(head[8:]).get("__metadata__") or {}
    except (SafetensorError, ValueError) as error:
        kind = ForeignError if place is None else DamageError
        raise kind(" ".join(str(error).split())) from error
    metadata = cast(dict[str, str], found)
    if place is None and DIGEST in metadata:
        raise DamageError("its checksum is none")
    return metadata, tensors


class Sealed(NamedTuple):
    """What a file holds that says what it is: codes, a direction, a scorer, a tuning.

    Attributes:
        told: what it says of itself.
        tensors: by name.
        digest: SHA-256 of the file; empty if it has no seal.
    """

    told: dict[str, Any]
    tensors: dict[str, Tensor]
    digest: str


def write_told(path: str | Path, tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> Sealed:
    """Write tensors, as they are on the CPU, and what is to be said of them; return both.

    Raises:
        GanvasError: the file cannot be written.
    """
    path = path_of(path, "path")
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    return Sealed(dict(told), plain, write_sealed(path, plain, {TOLD: json.dumps(dict(told))}))


def read_told(path: Path) -> Sealed:
    """Return what a file holds.

    Raises:
        UsageError: it is no safetensors file.
        GanvasError: it is damaged.
    """
    try:
        metadata, tensors = read_sealed(path)
        found: Any = json.loads(metadata.get(TOLD, "{}"))
    except ForeignError as error:
        raise UsageError(f"{path} is no safetensors file ({error})") from error
    except (DamageError, ValueError, RecursionError) as error:
        raise GanvasError(f"{path} is damaged ({error})") from error
    told = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    return Sealed(told, tensors, metadata.get(DIGEST, ""))


def read_named(path: str | Path, form: str, what: str, command: str) -> Sealed:
    """Return what a file of one format holds.

    Args:
        path: of the file.
        form: its format.
        what: the file in words, such as "direction file".
        command: makes such files.

    Raises:
        UsageError: there is no such file, or it is of another format.
        GanvasError: it is damaged.
    """
    path = path_of(path, "path")
    if not path.is_file():
        hint = misspelt(path)
        make = f"{hint} Make" if hint else "; make"
        raise UsageError(f"there is no {what} {path}{make} one with: {command}")
    try:
        found = read_told(path)
    except UsageError as error:
        raise not_such(path, what, command) from error
    if found.told.get("format") != form:
        raise not_such(path, what, command)
    return found


def not_such(path: str | Path, what: str, command: str) -> UsageError:
    """Return the error of a file that is something else than it should be."""
    return UsageError(f"{path} is no {what}: expected one of {command}")


def _header_end(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def _digest(head: bytes, body: memoryview) -> str:
    sum = hashlib.sha256(head)
    sum.update(body)
    return sum.hexdigest()
