"""The ``data`` of a round: endless named streams and finite epochs, exact to the last bit.

Every stream is one infinite sequence of rows that depends on the source, the seed and the
stream's name alone, never on batch sizes or on how many processes share it. It is drawn block by
block with NumPy's PCG64 on the CPU; a position is the generator before the block and an offset
in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganvas.data.source import Batch, Rows, Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError

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
        self._before = generator.state
        self._block: Rows = ()
        self._offset = 0

    def take(self, n: int) -> Rows:
        """Return the next ``n`` rows."""
        pieces: list[Rows] = []
        while n > 0:
            if not self._block or self._offset == len(self._block[0]):
                self._refill()
            end = min(self._offset + n, len(self._block[0]))
            pieces.append(tuple(column[self._offset : end] for column in self._block))
            n -= end - self._offset
            self._offset = end
        if len(pieces) == 1:
            return pieces[0]
        return tuple(torch.cat(columns) for columns in zip(*pieces, strict=True))

    def jump(self, steps: int) -> None:
        """Go on with ``steps`` jumps of the generator from here: numbers not seen before."""
        self._generator = self._generator.jumped(steps)
        self._before, self._block, self._offset = self._generator.state, (), 0

    def state_dict(self) -> State:
        """Return the position."""
        return {"before": self._before, "offset": self._offset if self._block else 0}

    def load_state_dict(self, state: State) -> None:
        """Go to a position."""
        self._generator.state = state["before"]
        self._before, self._block, self._offset = state["before"], (), 0
        if state["offset"]:
            self._refill()
            self._offset = state["offset"]

    def _refill(self) -> None:
        self._before = self._generator.state
        rows = self._draw(np.random.Generator(self._generator))
        self._block = tuple(column.to(self._device) for column in rows)
        self._offset = 0


class Feed:
    """Batches of a source, in network units on a device.

    Args:
        source: the data.
        batch: global batch size; ``Feed.batch`` is this process's share of it.
        seed: the run's seed.
        device: where batches are wanted.
        rank: this process among ``world``; it serves rows [rank·n, (rank + 1)·n) of each draw.
        world: number of processes that share each draw.
        mirror: flip each drawn image left to right with probability one half.
        dequantise: add noise of one level to each drawn image (`dequantised`).

    Raises:
        UsageError: ``world`` does not divide ``batch``, or points are to be treated as images.
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
        mirror: bool = False,
        dequantise: bool = False,
    ) -> None:
        if batch % world or batch < world:
            raise UsageError(
                f"train.batch={batch} cannot be shared evenly by {world} processes; "
                f"choose a multiple of {world}."
            )
        if mirror and source.spec.kind != "images":
            raise UsageError("data.mirror flips images; points have no left and right.")
        if dequantise and source.spec.kind != "images":
            raise UsageError("data.dequantise blurs the levels of images; points have none.")
        self.source = source
        self.batch = batch // world
        self.seen = 0
        self._seed = FIRST_SEED + seed
        self._device = torch.device(device)
        self._rank, self._world, self._mirror = rank, world, mirror
        self._dequantise = dequantise
        self._streams: dict[str, Stream] = {}
        self._jumps = 0
        self._table: Rows = ()

    @property
    def spec(self) -> DataSpec:
        """What networks are built from."""
        return self.source.spec

    def next(self, stream: str = MAIN, n: int | None = None) -> Batch:
        """Return the next items of a named stream of training data.

        Args:
            stream: each name is its own independent sequence.
            n: number of items for this process; default ``Feed.batch``.
        """
        n = self.batch if n is None else n
        rows = self._stream(stream).take(n * self._world)
        if self._world > 1:
            rows = tuple(column[self._rank * n : (self._rank + 1) * n] for column in rows)
        if stream == MAIN:
            self.seen += n * self._world
        extra = self._mirror + self._dequantise
        rows, chances = rows[: len(rows) - extra], list(rows[len(rows) - extra :])
        batch = self.source.gather(self._table, rows).to(self._device)
        if self._dequantise:
            batch.x = dequantised(batch.x, chances.pop().to(self._device))
        if self._mirror:
            batch.x = mirrored(batch.x, chances.pop().to(self._device))
        return batch

    def epoch(self, split: str, n: int) -> Iterator[Batch]:
        """Go once through a finite split in order, ``n`` items at a time; the last may be fewer.

        Raises:
            UsageError: there is no such split, or it is endless.
        """
        items = self.source.items(split)
        return self._batches(items.x, items.label, n)

    def advance(self, steps: int) -> None:
        """Move every stream to another continuation, so that a roll-back meets new data."""
        self._jumps += steps
        for stream in self._streams.values():
            stream.jump(steps)

    def state_dict(self) -> State:
        """Return the position of every stream, in plain Python numbers."""
        return {
            "seen": self.seen,
            "size": self.spec.size,
            "mirror": self._mirror,
            "dequantise": self._dequantise,
            "jumps": self._jumps,
            "streams": {name: stream.state_dict() for name, stream in self._streams.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Go to the position of every stream.

        Raises:
            UsageError: the state was made with other data, so its positions mean nothing here.
        """
        found_here = self.state_dict()
        for key in ("size", "mirror", "dequantise"):
            if state[key] != (found := found_here[key]):
                raise UsageError(
                    f"The checkpoint was made with data of {key} {state[key]}, now it is {found}; "
                    "resume with the same data, or start anew with --from."
                )
        self.seen, self._jumps = state["seen"], state["jumps"]
        self._streams = {}
        for name, position in state["streams"].items():
            self._stream(name).load_state_dict(position)

    def _stream(self, name: str) -> Stream:
        if not self._table:
            self._table = self.source.table(self._device)
        if name not in self._streams:
            seed = self._seed
            entropy = seed if name == MAIN else [seed, zlib.crc32(name.encode())]
            generator = np.random.PCG64(entropy).jumped(self._jumps)
            self._streams[name] = Stream(self._block, generator, self._table[0].device)
        return self._streams[name]

    def _block(self, rng: np.random.Generator) -> Rows:
        rows = self.source.draw(rng)
        n = len(rows[0])
        if self._mirror:
            rows = (*rows, torch.from_numpy(rng.integers(2, size=n, dtype=np.uint8)))
        if self._dequantise:
            rows = (*rows, torch.from_numpy(rng.integers(2**62, size=n, dtype=np.int64)))
        return rows

    def _batches(self, x: Any, label: Any, n: int) -> Iterator[Batch]:
        for start in range(0, len(x), n):
            rows = slice(start, min(start + n, len(x)))
            yield Batch(
                self.spec.domain.encode(x[rows]),
                None if label is None else torch.from_numpy(label[rows].copy()),
                torch.arange(rows.start, rows.stop),
            ).to(self._device)


def mirrored(images: Tensor, flip: Tensor) -> Tensor:
    """Return images (N, C, H, W) with those flipped left to right where ``flip`` (N,) is 1."""
    return torch.where(flip.bool()[:, None, None, None], images.flip(-1), images)


def dequantised(images: Tensor, keys: Tensor) -> Tensor:
    """Return images (N, C, H, W) with uniform noise of one level: (p + u)/128 − 1 for level p.

    u in [0, 1) is a hash of an image's key, int64 (N,), and of the number's place in the image, so
    that an image is noisy alike in any batch and on any device. As in the code of WGAN-GP and of
    SN-GAN, whose levels p/128 − 1 leave room for the noise within [−1, 1).
    """
    places = torch.arange(images[0].numel(), device=images.device)
    noise = _hashed(keys[:, None] + places * _STEP).view_as(images)
    return (images + 1).mul(127.5).add(noise).div(128).sub(1)


_STEP = -0x61C8864680B583EB  # 2⁶⁴ over the golden ratio, as a signed number
_MIXERS = ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15))


def _hashed(state: Tensor) -> Tensor:
    """Return numbers in [0, 1) from int64 states: the output function of SplitMix64."""
    for shift, factor in _MIXERS:
        state = (state ^ _shifted(state, shift)) * factor
    state = state ^ _shifted(state, 31)
    return _shifted(state, 40).to(torch.float32).mul(2.0**-24)


def _shifted(state: Tensor, by: int) -> Tensor:
    """Return states shifted right with zeros entering, which int64 does not do by itself."""
    return (state >> by) & ((1 << (64 - by)) - 1)
