"""The log of a run, ``metrics.jsonl``: a row a line, of which damaged ones are tolerated."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

Row = dict[str, Any]


class Log:
    """Reads a log that grows: what was read before is not read again.

    Args:
        path: of the file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[Row] = []
        self._damaged: list[bytes] = []
        self._file, self._offset = 0, 0

    def read(self) -> tuple[list[Row], list[bytes]]:
        """Return the rows, and the lines that are none.

        Half a line at the end is neither: it was being written when the run was killed.
        """
        try:
            with open(self.path, "rb") as file:
                self._begin_anew_if_replaced(file.fileno())
                file.seek(self._offset)
                *lines, rest = file.read().split(b"\n")
        except FileNotFoundError:
            return [], []
        self._offset += sum(len(line) + 1 for line in lines)
        for line in lines:
            row = _row(line)
            if row is not None:
                self._rows.append(row)
            elif line.strip():
                self._damaged.append(line)
        row = _row(rest)
        return [*self._rows, *([] if row is None else [row])], list(self._damaged)

    def _begin_anew_if_replaced(self, descriptor: int) -> None:
        """Forget what was read if the file is another one, or has become shorter."""
        now = os.fstat(descriptor)
        if now.st_ino != self._file or now.st_size < self._offset:
            self._rows, self._damaged = [], []
            self._file, self._offset = now.st_ino, 0


def _row(line: bytes) -> Row | None:
    """Return the row that a line of the log holds, if it does."""
    try:
        row = cast(object, json.loads(line))
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    row = cast(Row, row)
    return row if type(row.get("round")) is int and row["round"] >= 0 else None
