"""The ``data`` of a round: endless named streams and finite epochs, exact to the last bit.

Every stream is one infinite sequence of rows that depends on the source, the seed and the
stream's name alone, never on batch sizes or on how many processes share it. It is drawn block by
block with NumPy's PCG64 on the CPU; a position is the generator before the block and an offset
in it.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from ganvas.data.batch import Batch
from ganvas.data.samplers import AsStored, Streaming
from ganvas.data.source import INDEX, Rows, Source, Table
from ganvas.data.spec import DataSpec
from ganvas.data.views import AtSize, View
from ganvas.errors import UsageError
from ganvas.slices import slices

AHEAD = 3
"""Batches of a stream that are decoded before they are asked for; of mapped files it is one."""
MAIN = "main"
FIRST_SEED = 1000
"""Run s trains on the stream of seed 1000 + s; evaluation sets use other seeds."""

State = dict[str, Any]


class Stream:
    """An infinite sequence of rows, cut from blocks.

    Args:
        draw: returns the next block from a generator.
        generator: state before the first block.
        device: where the rows lie.
    """

    def __init__(
        self,
        draw: Callable[[np.random.Generator], Rows],
        generator: np.random.PCG64,
        device: torch.device,
    ) -> None:
        self._draw = draw
        self._generator = generator
        self._device = device
        self._blocks: deque[tuple[Any, Rows]] = deque()
        self._offset = 0

    def take(self, n: int) -> Rows:
        """Return the next ``n`` rows."""
        pieces: list[Rows] = []
        while n > 0:
            if not self._blocks:
                self._draw_block()
            elif self._offset == len(self._blocks[0][1][0]):
                if len(self._blocks) == 1:
                    self._draw_block()
                self._blocks.popleft()
                self._offset = 0
            block = self._blocks[0][1]
            end = min(self._offset + n, len(block[0]))
            pieces.append(tuple(column[self._offset : end] for column in block))
            n -= end - self._offset
            self._offset = end
        return _joined(pieces)

    def peek(self, n: int, after: int = 0) -> Rows:
        """Return ``n`` rows that will come once ``after`` others have, without taking any."""
        pieces: list[Rows] = []
        start, number = self._offset + after, 0
        while n > 0:
            if number == len(self._blocks):
                self._draw_block()
            block = self._blocks[number][1]
            end = min(start + n, len(block[0]))
            if start < end:
                pieces.append(tuple(column[start:end] for column in block))
                n -= end - start
            start, number = max(start - len(block[0]), 0), number + 1
        return _joined(pieces)

    def jump(self, steps: int) -> None:
        """Go on with ``steps`` jumps of the generator from here: numbers not seen before."""
        if len(self._blocks) > 1:
            self._generator.state = self._blocks[1][0]
        self._generator = self._generator.jumped(steps)
        self._blocks.clear()
        self._offset = 0

    def state_dict(self) -> State:
        """Return the position."""
        before = self._blocks[0][0] if self._blocks else self._generator.state
        return {"before": before, "offset": self._offset}

    def load_state_dict(self, state: State) -> None:
        """Go to a position."""
        self._generator.state = state["before"]
        self._blocks.clear()
        self._offset = state["offset"]
        if self._offset:
            self._draw_block()

    def _draw_block(self) -> None:
        before = self._generator.state
        rows = self._draw(np.random.Generator(self._generator))
        self._blocks.append((before, tuple(column.to(self._device) for column in rows)))


def _joined(pieces: Sequence[Rows]) -> Rows:
    if len(pieces) == 1:
        return pieces[0]
    return tuple(torch.cat(columns) for columns in zip(*pieces, strict=True))


class Channel:
    """One stream as it is served: its rows, what they stand for, and what is done to it on the way.

    Args:
        source: the data.
        wanted: what the game wants of the stream.
        generator: state before the first block.
        table: where the data lie.
        device: where batches are wanted.
    """

    def __init__(
        self,
        source: Source,
        wanted: Streaming,
        generator: np.random.PCG64,
        table: Table,
        device: torch.device,
    ) -> None:
        self.wanted = wanted
        self._source, self._table, self._device = source, table, device
        at_size = () if wanted.size is None else (AtSize(wanted.size),)
        self._views: tuple[View, ...] = (*source.views, *wanted.views, *at_size)
        self.stream = Stream(self._block, generator, table.device)
        self._ahead: deque[tuple[Rows, Future[Batch]]] = deque()
        self._told = 0

    def take(self, n: int, mine: slice) -> tuple[Batch, Rows]:
        """Return the staged records of the next ``n`` rows, those of this process, and their rows.

        What is read beforehand changes none of it: rows that were not foreseen are read now.
        """
        rows = _cut(self.stream.take(n), mine)
        self._told = max(self._told - n, 0)
        while self._ahead:
            foreseen, reading = self._ahead.popleft()
            if all(a.equal(b) for a, b in zip(foreseen, rows, strict=True)):
                return reading.result(), rows
        return self.fetch(rows), rows

    def jump(self, steps: int) -> None:
        """Go on with numbers not seen before."""
        self.stream.jump(steps)
        self._ahead.clear()
        self._told = 0

    def read_ahead(self, n: int, mine: slice, pool: Executor) -> None:
        """Read the rows that will most likely be asked for next, beside the round.

        A stream is told of all up to its horizon, and has several batches decoded.
        """
        far = max(self._source.horizon, (AHEAD + 1) * n) - self._told
        if self._source.horizon and far > 0 and isinstance(self.wanted.sampler, AsStored):
            rows = self.stream.peek(far, self._told)
            self._source.foresee(rows[: self._own(rows)])
            self._told += far
        while len(self._ahead) < (AHEAD if self._source.horizon else 1):
            rows = _cut(self.stream.peek(n, n * len(self._ahead)), mine)
            self._ahead.append((rows, pool.submit(self.fetch, rows)))

    def fetch(self, rows: Rows) -> Batch:
        """Return the staged records of rows: all that has to be read."""
        batch = self.wanted.sampler.take(self._source, self._table, rows[: self._own(rows)])
        if self.wanted.fields is not None:
            batch = batch.only(*self.wanted.fields, INDEX)
        return batch

    def seen(self, staged: Batch, rows: Rows) -> Batch:
        """Return staged records in network units on the device, after all views."""
        spec = self._source.spec
        units = {
            name: domain.normalise(staged[name])
            for name, domain in spec.fields.items()
            if name in staged
        }
        batch = staged.replace(**units).to(self._device)
        chances = [column.to(self._device) for column in self._chances(rows)]
        for view in self._views:
            batch = view(batch, chances.pop(0) if view.chances else None, spec)
        return batch

    def _own(self, rows: Rows) -> int:
        return len(rows) - sum(view.chances for view in self._views)

    def _chances(self, rows: Rows) -> Rows:
        return rows[self._own(rows) :]

    def _block(self, rng: np.random.Generator) -> Rows:
        rows = self.wanted.sampler.draw(self._source, rng)
        n = len(rows[0])
        return (*rows, *(view.draw(rng, n) for view in self._views if view.chances))


class Feed:
    """Batches of a source, in network units on a device.

    Args:
        source: the data.
        batch: global batch size; ``Feed.batch`` is this process's share of it.
        seed: the run's seed.
        device: where batches are wanted.
        rank: this process among ``world``; it serves rows [rank·n, (rank + 1)·n) of each draw.
        world: number of processes that share each draw.
        streams: what the game wants of its streams, by name.

    Raises:
        UsageError: ``world`` does not divide ``batch``.
    """

    def __init__(
        self,
        source: Source,
        *,
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
        streams: Mapping[str, Streaming] | None = None,
    ) -> None:
        self.source = source
        self.seen = 0
        self._whole = batch
        self._seed = FIRST_SEED + seed
        self._device = torch.device(device)
        self._rank, self._world = rank, world
        self._wanted = dict(streams or {})
        self._channels: dict[str, Channel] = {}
        self._jumps = 0
        self._table: Table | None = None
        self._pool: Executor | None = None
        self.batch = self.share(MAIN)

    @property
    def spec(self) -> DataSpec:
        """What networks are built from."""
        return self.source.spec

    def serve(self, streams: Mapping[str, Streaming]) -> None:
        """Serve streams as it is said here from now on; where they stand stays as it is.

        Raises:
            UsageError: a batch cannot be shared out evenly.
        """
        positions = {name: c.stream.state_dict() for name, c in self._channels.items()}
        self._wanted, self._channels = dict(streams), {}
        for name, position in positions.items():
            self._channel(name).stream.load_state_dict(position)
        for name in self._wanted:
            self.share(name)
        self.batch = self.share(MAIN)

    def share(self, stream: str) -> int:
        """Return how many records of a stream's batch this process gets.

        Raises:
            UsageError: they cannot be shared out evenly.
        """
        wanted = self._wanted.get(stream)
        batch = self._whole if wanted is None or wanted.batch is None else wanted.batch
        if batch % self._world or batch < self._world:
            of = "" if batch == self._whole else f" of the stream '{stream}'"
            raise UsageError(
                f"train.batch={batch}{of} cannot be shared evenly by {self._world} processes; "
                f"choose a multiple of {self._world}."
            )
        return batch // self._world

    def next(self, stream: str = MAIN, n: int | None = None) -> Batch:
        """Return the next records of a named stream of training data.

        Args:
            stream: each name is its own independent sequence.
            n: number of records for this process; default `share`.
        """
        n = self.share(stream) if n is None else n
        channel, whole = self._channel(stream), n * self._world
        mine = slice(self._rank * n, (self._rank + 1) * n)
        staged, rows = channel.take(whole, mine)
        if stream == MAIN:
            self.seen += whole
        if self._table is not None and self._table.mapped:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "ganvas-data")
            channel.read_ahead(whole, mine, self._pool)
        return channel.seen(staged, rows)

    def take(self, batches: int, stream: str = MAIN) -> Iterator[Batch]:
        """Give the next so many batches of a named stream, each when it is asked for."""
        for _ in range(batches):
            yield self.next(stream)

    def epoch(self, split: str, n: int) -> Iterator[Batch]:
        """Go once through a finite split in order, ``n`` records at a time; the last may be fewer.

        Raises:
            UsageError: there is no such split, or it is endless.
        """
        items = self.source.items(split)
        return self._batches(items, n)

    def advance(self, steps: int) -> None:
        """Move every stream to another continuation, so that a roll-back meets new data."""
        self._jumps += steps
        for channel in self._channels.values():
            channel.jump(steps)

    def state_dict(self) -> State:
        """Return the position of every stream, in plain Python numbers."""
        return {
            "seen": self.seen,
            "size": self.spec.size,
            "views": [repr(view) for view in self.source.views],
            "jumps": self._jumps,
            "streams": {name: c.stream.state_dict() for name, c in self._channels.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Go to the position of every stream.

        Raises:
            UsageError: the state was made with other data, so its positions mean nothing here.
        """
        found_here = self.state_dict()
        for key in ("size", "views"):
            if state[key] != (found := found_here[key]):
                raise UsageError(
                    f"The checkpoint was made with data of {key} {state[key]}, now it is {found}; "
                    "resume with the same data, or start anew with --from."
                )
        self.seen, self._jumps = state["seen"], state["jumps"]
        self._channels = {}
        for name, position in state["streams"].items():
            self._channel(name).stream.load_state_dict(position)

    def _channel(self, name: str) -> Channel:
        if self._table is None:
            self._table = self.source.table(self._device)
        if name not in self._channels:
            seed = self._seed
            entropy = seed if name == MAIN else [seed, zlib.crc32(name.encode())]
            generator = np.random.PCG64(entropy).jumped(self._jumps)
            wanted = self._wanted.get(name, Streaming())
            self._channels[name] = Channel(
                self.source, wanted, generator, self._table, self._device
            )
        return self._channels[name]

    def _batches(self, items: Any, n: int) -> Iterator[Batch]:
        for rows in slices(len(items), n):
            batch = self.source.batch(items.rows(rows))
            index = torch.arange(rows.start, rows.stop)
            yield batch.replace(**{INDEX: index}).to(self._device)


def _cut(rows: Rows, part: slice) -> Rows:
    return tuple(column[part] for column in rows)
