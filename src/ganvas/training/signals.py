"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any] | int | None

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
)
"""Signals on which a run is saved and ends."""


@contextmanager
def caught(note: Callable[[int], None]) -> Generator[None]:
    """Hand signals to stop to ``note``, so that a run saves first; a second one acts at once.

    One that is ignored stays so: a hang-up, of a run begun with nohup.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, _: FrameType | None) -> None:
        note(number)
        signal.signal(number, before[number])

    before: dict[int, Handler] = {
        number: handler
        for number in STOPPING
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
