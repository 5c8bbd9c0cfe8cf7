"""What processes that train together send one another; all of it goes through here.

Every process must make the same exchanges in the same order. If another one has gone, or is silent
for longer than ``train.timeout``, the exchange raises `LostError`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ganvas.errors import LostError

Value = TypeVar("Value")


@dataclass
class Traffic:
    """What this process has given to exchanges so far.

    Attributes:
        exchanges: how many there were.
        bytes: of the tensors given; a ring of k processes sends 2 (k − 1)/k times as many.
        seconds: spent in them on the host, waiting for slower processes included; an accelerator
            goes on meanwhile.
    """

    exchanges: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def since(self, before: Traffic, rounds: int) -> dict[str, float]:
        """Return what a round has taken since then, in megabytes and seconds, for a log."""
        return {
            "exchange_mb": round((self.bytes - before.bytes) / max(rounds, 1) / 1e6, 4),
            "exchange_s": round((self.seconds - before.seconds) / max(rounds, 1), 5),
        }


traffic = Traffic()


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return which of them this is, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def sum_(x: Tensor) -> Tensor:
    """Put the sum of every process's ``x`` in its place."""
    if world_size() > 1:
        with _exchange(x.nbytes):
            dist.all_reduce(x)
    return x


def from_first_(x: Tensor) -> Tensor:
    """Put the first process's ``x`` in the place of everyone's."""
    if world_size() > 1:
        with _exchange(x.nbytes):
            dist.broadcast(x, 0)
    return x


def stack(x: Tensor) -> list[Tensor]:
    """Return every process's ``x``, all of one shape, in the order of their ranks."""
    if world_size() == 1:
        return [x]
    x = x.contiguous()
    shares = [torch.empty_like(x) for _ in range(world_size())]
    with _exchange(x.nbytes):
        dist.all_gather(shares, x)
    return shares


def everyones(value: Value, size: int = 0) -> list[Value]:
    """Return every process's ``value``, which can be pickled, in the order of their ranks.

    ``size`` is about how many bytes it has, for the count.
    """
    values = [value] * world_size()
    if len(values) > 1:
        with _exchange(size):
            dist.all_gather_object(values, value)
    return values


@contextmanager
def _exchange(size: int) -> Generator[None]:
    """Count an exchange; say which errors mean that a process is gone."""
    started = time.perf_counter()
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # gloo knows no class of its own
        raise LostError(f"another process of this run is gone ({reason(error)})") from error
    traffic.exchanges += 1
    traffic.bytes += size
    traffic.seconds += time.perf_counter() - started


def reason(error: Exception) -> str:
    """Return the first sentence of an error of torch's, without the place in its source code."""
    text = re.sub(r"\[[^]]*\.(cc|cpp|hpp):\d+\]\s*", "", str(error).strip())
    return re.split(r"\.?\s*\n|\. ", text)[0] if text else type(error).__name__
