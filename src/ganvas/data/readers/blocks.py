"""Encoded images that lie in blocks, each read at once: what streams are read from.

A few blocks are held, so many bytes at most, and those of the next batches are on their way.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from ganvas.data.readers.index import Index
from ganvas.errors import GanvasError
from ganvas.slices import slices

Numbers = npt.NDArray[np.int64]
Content = bytes | memoryview

BLOCK = 2**20
"""Bytes of a block, about, where nothing else says where one ends."""
WINDOW = 64 * 2**20
"""Bytes among which images are shuffled: many blocks, from everywhere."""
HELD = WINDOW * 9 // 4
"""Bytes that are held: the window in use, the next one, and some that are passing."""
READERS = 8
"""Blocks that are read at the same time."""


class Blocks(ABC):
    """Where encoded images are: row after row, block after block.

    Args:
        known: the images.
        step: offsets in a shard that make one block.

    Attributes:
        known: the images.
        starts: the first row of each block, and the number of rows, (B + 1,).
        sizes: bytes of each block, (B,).
    """

    def __init__(self, known: Index, step: int) -> None:
        self.known = known
        shard, offset = known.rows["shard"], known.rows["offset"] // step
        changes = np.flatnonzero((np.diff(shard) != 0) | (np.diff(offset) != 0)) + 1
        self.starts = np.concatenate([[0], changes, [len(known.rows)]])
        self.sizes = self.extents()
        self._most = max(HELD, 3 * int(self.sizes.max()))
        self._held: OrderedDict[int, Future[Sequence[Content]]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    @abstractmethod
    def called(self, row: int) -> str:
        """Return the name of an image, and of what it lies in."""

    @abstractmethod
    def load(self, rows: range) -> Sequence[Content]:
        """Return the images at rows that follow one another in one block, as they lie there.

        Raises:
            GanvasError: they cannot be read.
        """

    def extents(self) -> Numbers:
        """Return how many bytes each block takes."""
        return np.add.reduceat(self.known.rows["size"].astype(np.int64), self.starts[:-1])

    def digest(self, rows: Numbers) -> str:
        """Return a hash of sizes and checksums of images."""
        total = hashlib.sha256()
        for part in slices(len(rows), 2**16):
            some = self.known.rows[rows[part]]
            total.update(np.stack([some["size"], some["crc"]]).tobytes())
        return total.hexdigest()

    def read(self, rows: range) -> Sequence[Content]:
        """Return the images at rows of one block.

        Raises:
            GanvasError: they cannot be read, or are not what they were.
        """
        found = self.load(rows)
        for row, content, crc in zip(rows, found, self.known.rows["crc"][rows], strict=True):
            if zlib.crc32(content) != crc:
                raise GanvasError(f"{self.called(row)} is not what it was when it was looked at.")
        return found

    def of(self, rows: int | Numbers) -> npt.NDArray[np.int64]:
        """Return the block of each row."""
        return np.asarray(np.searchsorted(self.starts, rows, "right") - 1)

    def want(self, blocks: Sequence[int]) -> None:
        """Begin to read blocks that will be used soon, unless they are held already.

        There is room for all of them, and for some that are in use.
        """
        room = int(self.sizes[list(blocks)].sum())
        with self._lock:
            self._most = max(self._most, room * 5 // 4)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(READERS, "ganvas-blocks")
            for block in blocks:
                if block in self._held:
                    self._held.move_to_end(block)
                    continue
                rows = range(int(self.starts[block]), int(self.starts[block + 1]))
                self._held[block] = self._pool.submit(self.read, rows)
                self._bytes += int(self.sizes[block])
            while self._bytes > self._most and len(self._held) > 1:
                block, reading = self._held.popitem(last=False)
                self._bytes -= int(self.sizes[block])
                reading.cancel()

    def content(self, row: int) -> Content:
        """Return an image, from its block if that is held, else by itself.

        Raises:
            GanvasError: it cannot be read, or is not what it was.
        """
        block = int(self.of(row))
        with self._lock:
            reading = self._held.get(block)
            if reading is not None:
                self._held.move_to_end(block)
        if reading is None:
            return self.read(range(row, row + 1))[0]
        try:
            return reading.result()[row - int(self.starts[block])]
        except CancelledError:  # it had to make room
            return self.read(range(row, row + 1))[0]

    def shuffled(self, rows: Numbers, rng: np.random.Generator) -> Numbers:
        """Return rows, which ascend, in a random order that goes from block to block.

        Blocks come in random order. As many as make a `WINDOW` are taken at a time, and their
        images shuffled.
        """
        of = self.of(rows)
        first = np.flatnonzero(np.diff(of, prepend=-1))
        ends: list[int] = [*first[1:].tolist(), len(rows)]
        order = rng.permutation(len(first))
        window = np.cumsum(self.sizes[of[first[order]]]) // WINDOW
        places = np.empty(len(rows), np.int64)
        filled = 0
        for some in np.split(order, np.flatnonzero(np.diff(window)) + 1):
            numbers: list[int] = some.tolist()
            inside = np.concatenate([np.arange(int(first[i]), ends[i]) for i in numbers])
            places[filled : filled + len(inside)] = rng.permutation(inside)
            filled += len(inside)
        return places
