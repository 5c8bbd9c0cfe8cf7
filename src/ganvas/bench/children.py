"""Processes that work for this one, which alone hears what a terminal sends to all of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

OF_TERMINALS = [getattr(signal, n) for n in ("SIGINT", "SIGHUP") if hasattr(signal, n)]
"""Signals of a Ctrl-C, and of a terminal that is closed."""


@contextmanager
def deaf() -> Generator[None]:
    """Begin processes that no Ctrl-C reaches, from their first moment on: who began them ends them.

    They inherit that these signals are ignored, which only a main thread can say.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in OF_TERMINALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
