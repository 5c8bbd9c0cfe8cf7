"""Lines of UTF-8 text files."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np

from ganvas.data.items import Collection, Items
from ganvas.data.memory import amount, free_memory
from ganvas.errors import UsageError

SUFFIXES = (".txt", ".text")
"""Files of other names are text if they are nothing else that ganvas reads."""
TAKEN = 8
"""Bytes that a byte of the file takes at most while it is read."""


def read_lines(path: Path) -> Collection:
    """Read the lines of a file, empty ones too, without what ends them (LF, or CR LF).

    Raises:
        UsageError: it is not UTF-8, holds a zero, which no text does, or is too large.
    """
    size, free = path.stat().st_size, free_memory()
    if free is not None and TAKEN * size > free:
        raise UsageError(
            f"{path} holds {amount(size)} of text, which is read as a whole and takes up to "
            f"{TAKEN} times as much; {amount(free)} are free: give a part of it, such as head -n "
            "1000000"
        )
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    wrong = content.find(b"\0")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        wrong, text = error.start, ""
    if wrong >= 0:
        line = content.count(b"\n", 0, wrong) + 1
        raise UsageError(
            f"{path}, line {line}, is no UTF-8 text (byte 0x{content[wrong]:02x}): convert it, for "
            "example by iconv -f ISO-8859-1 -t UTF-8; or give what else ganvas reads: a folder of "
            "images, a .zip archive or .tar shards of them, a .npy or .npz file, or a table as "
            ".csv, .tsv or .parquet"
        )
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    x = np.array(lines if lines[-1] else lines[:-1], dtype=object)
    return Collection(path.stem, {"train": Items(x)}, kind="text")
