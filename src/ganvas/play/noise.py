"""Explicit randomness: drawn for the whole batch of all processes, sliced by rank."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.play.ranks import Ranks

APART = 0x9E3779B9
"""Between the seeds of one run's streams; odd, so that multiples repeat after 2³² only."""


def global_seed(seed: int, rank: int = 0) -> int:
    """Return the seed of torch's own generators, which networks may ask, beside ``Noise(seed)``.

    With equal seeds both streams would be the same numbers. An accelerator's generators hear 64
    bits, of which no `Noise` has the highest; the CPU's hear the lower 32, which differ for every
    process of the run.
    """
    return 1 << 63 | (seed + APART * (rank + 1)) % (1 << 32)


@contextmanager
def seeded(seed: int, device: torch.device) -> Generator[None]:
    """Give torch's own generators a seed, for a block; the caller's stay as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


class Noise:
    """A stream of random tensors from its own generator.

    The first dimension of every draw counts samples. Each process draws for all of them and
    keeps its slice, so n samples on each of w processes are the same numbers as n·w on one.
    """

    def __init__(
        self, seed: int, device: torch.device | str = "cpu", ranks: Ranks | None = None
    ) -> None:
        self.generator = torch.Generator(device=device).manual_seed(seed % (1 << 63))
        self.device = torch.device(device)
        self.ranks = ranks or Ranks()
        self._part = (0, 1)

    def normal(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) standard normal numbers."""
        whole = (self._all(n), *shape)
        return self._mine(torch.randn(whole, generator=self.generator, device=self.device), n)

    def uniform(self, n: int, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return (n, *shape) numbers uniform on [low, high)."""
        whole = (self._all(n), *shape)
        draws = torch.rand(whole, generator=self.generator, device=self.device)
        if (low, high) != (0.0, 1.0):
            draws = draws * (high - low) + low
        return self._mine(draws, n)

    def integers(self, n: int, high: int) -> Tensor:
        """Return (n,) int64 numbers uniform on {0, …, high - 1}."""
        whole = (self._all(n),)
        return self._mine(
            torch.randint(high, whole, generator=self.generator, device=self.device), n
        )

    def _all(self, n: int) -> int:
        return n * self.ranks.world * self._part[1]

    def _mine(self, draws: Tensor, n: int) -> Tensor:
        if len(draws) == n:
            return draws
        part, parts = self._part
        place = self.ranks.rank * parts + part
        return draws[place * n : (place + 1) * n]

    def whole(self) -> Noise:
        """Return this very stream, of whose draws every process, and every part, has all."""
        everybody = copy.copy(self)
        everybody.ranks, everybody._part = Ranks(), (0, 1)
        return everybody

    def in_parts(self, parts: int) -> Iterator[int]:
        """Count through the parts of a batch, whose draws are together those for all of it.

        Each part must draw in the same order: its draws are its rows of what the whole would draw.
        """
        begin = self.generator.get_state() if parts > 1 else None
        try:
            for part in range(parts):
                if begin is not None:
                    self.generator.set_state(begin)
                    self._part = (part, parts)
                yield part
        finally:
            self._part = (0, 1)

    def advance(self, steps: int) -> None:
        """Move on to a different continuation of the stream, ``steps`` times."""
        for _ in range(steps):
            fresh = torch.randint(
                2**62, (1,), generator=self.generator, device=self.device, dtype=torch.int64
            )
            self.generator.manual_seed(int(fresh.item()))

    def branch(self, *names: str | int) -> Noise:
        """Return another stream of this run, known by names, at its beginning; this one rests.

        It depends on the run's seed, the names and how often the stream was made to `advance`.
        """
        path = "/".join(map(str, (self.generator.initial_seed(), *names)))
        seed = int.from_bytes(hashlib.blake2b(path.encode(), digest_size=7).digest())
        return Noise(seed, self.device, self.ranks)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the exact position in the stream."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go to a position that `state_dict` gave.

        Raises:
            GanvasError: it is a position in the random numbers of another kind of device.
        """
        position = state["generator"].cpu()
        if position.shape != self.generator.get_state().shape:
            raise GanvasError(
                f"the random numbers of this checkpoint were not drawn on a {self.device.type}, "
                "and every kind of device draws others: resume where the run began (see "
                "train.accelerator), or begin a new one with its networks: ganvas train --from"
            )
        self.generator.set_state(position)
