"""labels.csv: what is known of each image, one named column a field."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ganvas.data.readers.utf8 import decoded
from ganvas.errors import UsageError, did_you_mean

LABEL_FILE = "labels.csv"
FILE, LABEL = "file", "label"
TAKEN = ("x", "index", "links")
"""Names of fields that are something else."""
COLUMN_LIMIT = 10_000
"""Characters of one cell at most."""


def read_labels(path: Path, content: bytes, files: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of a labels.csv by their header, row i about ``files[i]``.

    The first column is ``file``, an image's path below the folder of labels.csv. ``label`` is one
    class, a name or a whole number. All other columns are returned as they are written.

    Args:
        path: where the table lies, for messages.
        content: its bytes.
        files: all images, by their paths below the same folder.

    Raises:
        UsageError: the table is damaged, or does not fit the files.
    """
    header, *lines = _cells(path, content) or [(1, [])]
    names = [cell.strip().lower() for cell in header[1]]
    if not names or names[0] != FILE or len(names) < 2 or not all(names):
        raise UsageError(
            f"{path} must begin with the header 'file,label' (one class per image), or 'file,' and "
            f"the names of other columns; it begins with '{','.join(header[1])[:80]}'."
        )
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise UsageError(f"{path} has two columns '{twice}'; give each its own name.")
    if taken := next((name for name in names if name in TAKEN), None):
        raise UsageError(f"{path}: a column cannot be called '{taken}'; give it another name.")
    known = set(files)
    rows: dict[str, tuple[int, list[str]]] = {}
    for number, cells in lines:
        name = _row_name(path, number, names, cells)
        if name not in known:
            raise UsageError(
                f"{path}, line {number} names {name}, which is not an image in {path.parent}."
                f"{did_you_mean(name, files[:1000])}"
            )
        if name in rows:
            raise UsageError(f"{path} names {name} twice, in lines {rows[name][0]} and {number}.")
        rows[name] = (number, [cell.strip() for cell in cells[1:]])
    if missing := next((name for name in files if name not in rows), None):
        raise UsageError(f"{path} gives no label for {missing}; every image needs one.")
    return {column: [rows[name][1][i] for name in files] for i, column in enumerate(names[1:])}


def _row_name(path: Path, number: int, names: Sequence[str], cells: Sequence[str]) -> str:
    """Return the file that a row is about, after a look at its cells."""
    if len(cells) != len(names):
        raise UsageError(
            f"{path}, line {number}: expected '{','.join(names)}', found {[c[:40] for c in cells]}."
        )
    if LABEL in names:
        label = cells[names.index(LABEL)].strip()
        if not label:
            raise UsageError(
                f"{path}, line {number}: expected '{','.join(names)}', found no label."
            )
        if _is_fraction(label):
            raise UsageError(
                f"{path}, line {number}: '{label}' is not a class; labels are names or whole "
                "numbers. A column of numbers goes by another name than 'label'."
            )
    return PurePosixPath(cells[0].strip().replace("\\", "/")).as_posix()


def _cells(path: Path, content: bytes) -> list[tuple[int, list[str]]]:
    """Return the cells of every line that is not empty, and its number."""
    reader = csv.reader(io.StringIO(decoded(path, content), newline=""))
    found: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(len(cell) > COLUMN_LIMIT for cell in cells):
                raise csv.Error(f"a cell has more than {COLUMN_LIMIT:,} characters")
            if cells:
                found.append((reader.line_num, cells))
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}.") from None
    return found


def _is_fraction(text: str) -> bool:
    try:
        return not float(text).is_integer()
    except (ValueError, OverflowError):
        return False
