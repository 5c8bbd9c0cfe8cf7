"""What processes that train together agree on: whose error counts, what was done, when to stop."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import torch

from ganvas.errors import GanvasError, UsageError
from ganvas.files import disk_errors
from ganvas.nn.exchange import everyones, rank
from ganvas.play import Ranks

Value = TypeVar("Value")


def raise_any(problem: GanvasError | None) -> None:
    """Let all processes fail if one of them does, with the same words.

    Raises:
        GanvasError: the problem of the first process that has one, which another one names.
    """
    told = None if problem is None else (str(problem), type(problem) is UsageError, platform.node())
    for number, found in enumerate(everyones(told)):
        if found is not None:
            if number == rank():
                raise cast(GanvasError, problem)
            message, misuse, host = found
            whose = f"process {number} on {host}: " if number else ""
            raise (UsageError if misuse else GanvasError)(f"{whose}{message}")


def on_first(action: Callable[[], Value]) -> Value:
    """Let the first process act while the others wait, and give its answer to all of them.

    Raises:
        GanvasError: it failed; then all do.
    """
    answer: Value | None = None
    problem: GanvasError | None = None
    if rank() == 0:
        try:
            with disk_errors(Path()):
                answer = action()
        except GanvasError as error:
            problem = error
    raise_any(problem)
    return cast(Value, everyones(answer)[0])


class Poll:
    """A question put to all processes about once a second, in rounds that are the same for all."""

    def __init__(self, ranks: Ranks, device: torch.device) -> None:
        self._ranks, self._device = ranks, device
        self._asked, self._unasked, self._every = time.monotonic(), 0, 1

    def any(self, mine: bool) -> bool:
        """Whether any process says yes; no in rounds in which nobody is asked."""
        if self._ranks.world == 1:
            return mine
        self._unasked += 1
        if self._unasked < self._every:
            return False
        now = time.monotonic()
        pace = (now - self._asked) / self._unasked
        answers = self._ranks.mean(torch.tensor([float(mine), pace], device=self._device))
        self._asked, self._unasked = now, 0
        self._every = max(1, int(1 / max(float(answers[1]), 0.01)))
        return bool(answers[0] > 0)
