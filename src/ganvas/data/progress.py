"""A bar on standard error for what takes longer than a second."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

PATIENCE = 1.0
"""Seconds before anything is shown."""
INTERVAL = 10.0
"""Seconds between lines where standard error is no terminal."""


class Progress:
    """Counts what is done of a number of things, and shows it if they take their time.

    One of several processes that train together speaks for all.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._start = time.monotonic()
        self._spoken = self._start + PATIENCE - INTERVAL
        self._silent = any(os.environ.get(name, "0") != "0" for name in ("RANK", "LOCAL_RANK"))
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, count: int = 1) -> None:
        """Count so many more as done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)
        elif not self._silent and time.monotonic() - self._spoken >= INTERVAL:
            self._show()

    def _show(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._spoken = time.monotonic()
        if not console.is_terminal:
            console.print(f"{self._what}: {self._done:,} of {self._total:,}", markup=False)
            return
        columns = (TextColumn("{task.description}", markup=False), BarColumn())
        self._bar = Bar(
            *columns,
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._bar.add_task(self._what, total=self._total, completed=self._done)
        self._bar.start()
