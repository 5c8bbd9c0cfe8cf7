"""The log in TensorBoard, where it is installed."""

from __future__ import annotations

import importlib
import io
import itertools
import logging
import os
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganvas.files import explain

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
UNCHARTED = ("round", "time")
NUMBERS = itertools.count()
"""Of the event files of this process, several of which may begin in one second."""


class Board:
    """Writes log rows, events and sample pictures as TensorBoard events into a run folder.

    Nothing is loaded or written before the first row. Without TensorBoard it stays silent: the
    run's own log has the same numbers. Where the disk refuses, it says so once and writes no more.

    Args:
        folder: of the run.
        resumed_at: round from which the run goes on; what an earlier part wrote after it is void.
    """

    def __init__(self, folder: Path, resumed_at: int | None = None) -> None:
        self._folder = folder
        self._void = None if resumed_at is None else resumed_at + 1
        self._events: Events | None = None
        self._off = False

    def show(self, row: Row) -> None:
        """Write one row or event of the log."""
        step = int(row["round"])
        if row.get("event") == "rollback":
            self.close()
            time.sleep(1.1)  # files are read in the order of the seconds in their names
            self._void = step + 1
        with self._writing() as events:
            if events is None:
                return
            if "event" in row:
                events.text(f"event/{row['event']}", str(row["message"]), step)
                return
            numbers = {
                name: float(value)
                for name, value in row.items()
                if name not in UNCHARTED and isinstance(value, int | float)
            }
            events.numbers(numbers, step)

    def picture(self, path: Path, round: int) -> None:
        """Write the picture of samples at ``path``."""
        with self._writing() as events:
            if events is not None:
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGB"))
                events.picture("samples", pixels, round)

    def close(self) -> None:
        """Finish the current event file; a further row begins a new one."""
        if self._events is not None:
            self._events.close()
            self._events = None

    @contextmanager
    def _writing(self) -> Generator[Events | None]:
        """Give the current event file, or None without any; and none any more if it fails."""
        try:
            if self._events is None and not self._off:
                self._events = self._open()
            yield self._events
        except OSError as error:
            log.warning(
                "TensorBoard is shown no more of this run: %s", explain(error, self._folder)
            )
            self._off = True
            self.close()

    def _open(self) -> Events | None:
        try:
            return Events(self._folder, self._void)
        except OSError:  # the disk's, of which there is something to say
            raise
        except Exception:  # absent, or broken in one of many ways
            self._off = True
            return None


class Events:
    """A file of TensorBoard events, each on the disk when it has been written.

    TensorBoard's own writer leaves that to a thread, which dies aloud where the disk is full.

    Args:
        folder: where it lies.
        void: step from which older files in the folder no longer count; None: all of them do.
    """

    def __init__(self, folder: Path, void: int | None) -> None:
        place = f"{socket.gethostname()}.{os.getpid()}.{next(NUMBERS)}"
        _module("torch.utils.tensorboard")  # which knows whether its version will do
        made = _module("torch.utils.tensorboard.summary")
        proto = _module("tensorboard.compat.proto.event_pb2")
        self._event, log_of = proto.Event, proto.SessionLog
        self._summary, self._text, self._image = made.Summary, made.text, made.image
        self._record = _module("tensorboard.summary.writer.record_writer").RecordWriter
        self._file = (folder / f"events.out.tfevents.{int(time.time()):010d}.{place}").open("xb")
        self._add(file_version="brain.Event:2")
        if void is not None:
            self._add(step=void, session_log=log_of(status=log_of.START))

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Write numbers by name."""
        value = self._summary.Value
        told = [value(tag=name, simple_value=number) for name, number in values.items()]
        self._add(step=step, summary=self._summary(value=told))

    def text(self, name: str, words: str, step: int) -> None:
        """Write words."""
        self._add(step=step, summary=self._text(name, words))

    def picture(self, name: str, pixels: np.ndarray[Any, Any], step: int) -> None:
        """Write a picture, uint8 (H, W, 3)."""
        self._add(step=step, summary=self._image(name, pixels, dataformats="HWC"))

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # of a full disk, which has been told
            self._file.close()

    def _add(self, **parts: Any) -> None:
        record = io.BytesIO()
        event = self._event(wall_time=time.time(), **parts)
        self._record(record).write(event.SerializeToString())
        self._file.write(record.getvalue())
        self._file.flush()


def _module(name: str) -> Any:
    """Return a module that need not be installed, and says nothing of its types."""
    return importlib.import_module(name)
