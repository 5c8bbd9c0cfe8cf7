"""Compiling networks: whether that can be done here, and how long it takes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from functools import cache

from ganvas.errors import UsageError

DEFAULTS = {"darwin": "clang++", "win32": "cl"}
"""What torch calls unless ``CXX`` names another, by system; ``g++`` elsewhere."""


def refuse_without_compiler(device: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to compile for a CPU where there is no C++ compiler; torch would tell it much later.

    Raises:
        UsageError: there is none.
    """
    compiler = environment.get("CXX") or DEFAULTS.get(sys.platform, "g++")
    if device == "cpu" and shutil.which(compiler, path=environment.get("PATH")) is None:
        named = "CXX names it" if environment.get("CXX") else "another one may be named by CXX"
        raise UsageError(
            f"train.compile=true needs a C++ compiler, and {compiler} is not found ({named}): "
            "install it, or leave train.compile out"
        )


class Stopwatch:
    """Adds up the time that torch spends in compiling, in this process.

    Attributes:
        seconds: so far.
    """

    def __init__(self) -> None:
        from torch._dynamo.callback import on_compile_end, on_compile_start

        self.seconds, self._began = 0.0, 0.0
        on_compile_start(self._start)
        on_compile_end(self._end)

    def _start(self, *_: object) -> None:
        self._began = time.perf_counter()

    def _end(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


@cache
def stopwatch() -> Stopwatch:
    """Return the one of this process; torch's compiler is loaded for it."""
    return Stopwatch()
