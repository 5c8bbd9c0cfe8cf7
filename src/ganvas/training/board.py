"""The log in TensorBoard, where it is installed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

Row = Mapping[str, Any]
UNCHARTED = ("round", "time")


class Writer(Protocol):
    """What is used of `torch.utils.tensorboard.SummaryWriter`, which need not be there."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Add a number."""
        ...

    def add_text(self, tag: str, text_string: str, global_step: int) -> None:
        """Add words."""
        ...

    def add_image(
        self, tag: str, img_tensor: np.ndarray[Any, Any], global_step: int, *, dataformats: str
    ) -> None:
        """Add a picture."""
        ...

    def flush(self) -> None:
        """Write everything."""
        ...

    def close(self) -> None:
        """Write everything, and stop."""
        ...


class Board:
    """Writes log rows, events and sample pictures as TensorBoard events into a run folder.

    Nothing is loaded or written before the first row. Without TensorBoard it stays silent: the
    run's own log has the same numbers.

    Args:
        folder: of the run.
        resumed_at: round from which the run goes on; what an earlier part wrote after it is void.
    """

    def __init__(self, folder: Path, resumed_at: int | None = None) -> None:
        self._folder = folder
        self._void = None if resumed_at is None else resumed_at + 1
        self._writer: Writer | None = None
        self._off = False

    def show(self, row: Row) -> None:
        """Write one row or event of the log."""
        step = int(row["round"])
        if row.get("event") == "rollback":
            self.close()
            time.sleep(1.1)  # files are read in the order of the seconds in their names
            self._void = step + 1
        writer = self._open()
        if writer is None:
            return
        if "event" in row:
            writer.add_text(f"event/{row['event']}", str(row["message"]), step)
        else:
            for name, value in row.items():
                if name not in UNCHARTED and isinstance(value, int | float):
                    writer.add_scalar(name, value, step)
        writer.flush()

    def picture(self, path: Path, round: int) -> None:
        """Write the picture of samples at ``path``."""
        writer = self._open()
        if writer is not None:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            writer.add_image("samples", pixels, round, dataformats="HWC")
            writer.flush()

    def close(self) -> None:
        """Finish the current event file; a further row begins a new one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> Writer | None:
        if self._writer is None and not self._off:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except Exception:  # absent, or broken in one of many ways
                self._off = True
                return None
            self._writer = SummaryWriter(str(self._folder), purge_step=self._void)
        return self._writer
