"""Tables as files, by their suffix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ganvas.data.readers.csv_table import write_csv
from ganvas.data.readers.parquet import write_parquet
from ganvas.files import replacing

WRITERS = {".csv": write_csv, ".parquet": write_parquet}


def is_table(path: Path) -> bool:
    """Tell whether a file of this name is written as a table."""
    return path.suffix.lower() in WRITERS


def save_table(path: Path, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write columns (N,) of numbers or words below their names.

    Raises:
        UsageError: a package that it takes is not installed.
        GanvasError: the file cannot be written.
    """
    with replacing(path) as file:
        WRITERS[path.suffix.lower()](file, columns)
