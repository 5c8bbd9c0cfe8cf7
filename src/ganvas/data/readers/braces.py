"""Names of shards: ``shards/{000..127}.tar`` stands for 128 files, as in a shell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

SUFFIX = ".tar"
MOST = 1_000_000
"""So many names at most stand in one pattern."""

_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def is_shards(source: str) -> bool:
    """Tell whether a source names shards: ``.tar`` files, here or elsewhere."""
    return source.endswith(SUFFIX) or ("{" in source and f"{SUFFIX}}}" in source)


def is_address(source: str) -> bool:
    """Tell whether a source lies elsewhere: ``s3://…``, or in another file system of ``fsspec``."""
    return "://" in source


def absolute(source: str) -> str:
    """Return a pattern of files that means the same from any folder."""
    return source if is_address(source) else (Path.cwd() / Path(source).expanduser()).as_posix()


def expand(pattern: str) -> list[str]:
    """Return the names that a pattern stands for, in order.

    ``{000..127}`` are numbers with as many digits, ``{a,b}`` alternatives, which may hold braces in
    turn; several braces multiply.

    Raises:
        ValueError: a brace is not closed or empty, or the pattern stands for too many names.
    """
    found = [""]
    rest = pattern
    while (start := rest.find("{")) >= 0:
        end = _end(rest, start)
        words = _words(rest[start + 1 : end])
        if len(found) * len(words) > MOST:
            raise ValueError(f"stands for more than {MOST:,} names")
        found = [f"{head}{rest[:start]}{word}" for head in found for word in words]
        rest = rest[end + 1 :]
    return [head + rest for head in found]


def common_folder(urls: Sequence[str]) -> str:
    """Return the folder, ending in a slash, in which all files are."""
    top = urls[0].rpartition("/")[0]
    while not all(url.startswith(f"{top}/") for url in urls):
        top = top.rpartition("/")[0]
    return f"{top}/"


def _words(inside: str) -> list[str]:
    if (numbers := _RANGE.fullmatch(inside)) is not None:
        first, last = numbers.groups()
        step = 1 if int(first) <= int(last) else -1
        if abs(int(last) - int(first)) >= MOST:
            raise ValueError(f"stands for more than {MOST:,} names")
        width = len(first) if len(first) == len(last) else 0
        return [f"{i:0{width}d}" for i in range(int(first), int(last) + step, step)]
    parts, depth = [""], 0
    for sign in inside:
        depth += (sign == "{") - (sign == "}")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    if len(parts) < 2:
        raise ValueError(f"has '{{{inside}}}', which is neither a range as 000..127 nor a,b")
    return [word for part in parts for word in expand(part)]


def _end(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if not depth:
            return place
    raise ValueError("has a brace that is not closed")
