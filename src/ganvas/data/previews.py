"""Previews of samples in a run: how their files are called, and what a browser shows of them.

``000000600.png`` shows the samples of round 600; ``000000600-mask.gif`` another part of them. The
suffix is whatever the kind of data draws (`Domain.preview`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

NAMED = re.compile(r"([0-9]{1,18})(?:-([\w-]+))?(\.\w+)")

MEDIA: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    ".png": ("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ".gif": ("image/gif", lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
    ".jpg": ("image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    ".webp": ("image/webp", lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP"),
    ".svg": ("image/svg+xml", lambda head: head.lstrip().startswith((b"<svg", b"<?xml"))),
    ".mp4": ("video/mp4", lambda head: head[4:8] == b"ftyp"),
}
"""Of a file's suffix: the type that a browser is told, and how such files begin."""


class Named(NamedTuple):
    """A preview: the round, the part of the samples that it shows ("" for themselves), its file."""

    round: int
    part: str
    path: Path


def named(round: int, part: str, suffix: str) -> str:
    """Return the name of a preview's file."""
    return f"{round:09d}{f'-{part}' if part else ''}{suffix}"


def previews(folder: Path) -> list[Named]:
    """Return the previews in a folder, oldest first and samples before their other parts."""
    found: list[Named] = []
    for path in folder.glob("[0-9]*"):
        if name := NAMED.fullmatch(path.name):
            found.append(Named(int(name[1]), name[2] or "", path))
    return sorted(found)


def media_type(suffix: str, content: bytes) -> str | None:
    """Return the type that a browser is told of a preview; None if it is not what its name says.

    Args:
        suffix: of its file.
        content: of its file.
    """
    kind, begins = MEDIA.get(suffix.lower(), ("", lambda head: False))
    return kind if begins(content[:64]) else None
