"""What one row of a stream is: a record as it is stored, a frame of it, some in turn, all at once.

A game declares streams (`Streaming`); what it does not declare is served as it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from ganvas.data.batch import Batch
from ganvas.data.domain import Size
from ganvas.data.items import Items
from ganvas.data.source import Rows, Source, Table
from ganvas.data.views import View
from ganvas.errors import UsageError


class Sampler(Protocol):
    """Says what the rows of a stream are, and what they stand for."""

    def draw(self, source: Source, rng: np.random.Generator) -> Rows:
        """Return the next block of rows of an endless stream; it depends on ``rng`` alone."""
        ...

    def take(self, source: Source, table: Table, rows: Rows) -> Batch:
        """Return what ``rows`` stand for, staged: fields (n, …) for n rows."""
        ...


class AsStored:
    """The source's own rows: shuffled epochs of finite sets, fresh draws of laws."""

    def draw(self, source: Source, rng: np.random.Generator) -> Rows:
        """Return the source's next block."""
        return source.draw(rng)

    def take(self, source: Source, table: Table, rows: Rows) -> Batch:
        """Return the records at the rows."""
        return source.take(table, rows)


class Frames:
    """One frame of each clip instead of the clip, any of them: x is (n, C, H, W)."""

    def draw(self, source: Source, rng: np.random.Generator) -> Rows:
        """Return the source's next block, with the number of a frame for each row.

        Raises:
            UsageError: the items are no clips.
        """
        domain = source.spec.domain
        if not domain.moments:
            raise UsageError(f"single frames are taken of videos, and {domain.plural} have none")
        rows = source.draw(rng)
        return (*rows, torch.from_numpy(rng.integers(domain.moments, size=len(rows[0]))))

    def take(self, source: Source, table: Table, rows: Rows) -> Batch:
        """Return the records at the rows with one frame each."""
        *clips, frame = rows
        return source.take_frames(table, tuple(clips), frame)


class InTurn:
    """Some training records over and over, in one order.

    Args:
        choose: gives their numbers (n,) from the whole training split.
    """

    def __init__(self, choose: Callable[[Items], np.ndarray[tuple[int], np.dtype[np.int64]]]):
        self._choose = choose
        self._rows: torch.Tensor | None = None

    def draw(self, source: Source, rng: np.random.Generator) -> Rows:
        """Return them once; no chances are taken."""
        if self._rows is None:
            self._rows = torch.from_numpy(self._choose(source.items("train")))
        return (self._rows,)

    def take(self, source: Source, table: Table, rows: Rows) -> Batch:
        """Return the records at the rows."""
        return source.take(table, rows)


class Whole:
    """All training records in order, which belong together: the nodes of a graph."""

    def draw(self, source: Source, rng: np.random.Generator) -> Rows:
        """Return the numbers of all records."""
        return (torch.arange(source.spec.size or 0),)

    def take(self, source: Source, table: Table, rows: Rows) -> Batch:
        """Return all of them."""
        return source.take(table, rows)


@dataclass(frozen=True)
class Streaming:
    """What a game wants of one of its streams.

    Attributes:
        fields: names of the fields it is given, beside the main one; None: all.
        size: of the main field in space; None: as stored.
        batch: records over all processes; None: ``train.batch``.
        sampler: what a row is.
        views: what else is done to its batches, after what the data's own views do.
    """

    fields: tuple[str, ...] | None = None
    size: Size | None = None
    batch: int | None = None
    sampler: Sampler = field(default_factory=AsStored)
    views: tuple[View, ...] = ()
