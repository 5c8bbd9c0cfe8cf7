"""Results as JSON lines: one for each run, appended whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ganvas.data.readers.utf8 import decoded
from ganvas.errors import UsageError

Row = dict[str, Any]
KEY = ("data", "method", "preset", "tier", "seed")
"""What a row of the mode-coverage benchmark is found by."""


def append(path: Path, row: Row) -> None:
    """Add a row to the file in one write that has reached the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(paths: Iterable[Path], by: Sequence[str] = KEY) -> list[Row]:
    """Return the newest row of every run, in order of first appearance.

    Files of several hosts are simply read one after the other; a torn last line is left out.

    Args:
        paths: of the files.
        by: what a row is found by.

    Raises:
        UsageError: a line that is not the last cannot be read.
    """
    newest: dict[tuple[Any, ...], Row] = {}
    for path in paths:
        if not path.is_file():
            continue
        lines = decoded(path, path.read_bytes()).splitlines()
        for number, line in enumerate(lines, 1):
            try:
                row: Row = json.loads(line)
                key = tuple(row[name] for name in by)
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines):
                    continue
                raise UsageError(f"{path}, line {number}, is no row of the benchmark") from error
            newest[key] = row
    return list(newest.values())
