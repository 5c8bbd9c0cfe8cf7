"""1-NN error: real items take the class of their nearest labelled reference (Radford et al. 2016).

With samples as references it tells whether they are of the classes that they were drawn for, and
lie where real items do: beside it stands the error with as many real training items.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import squared_distance_blocks, vectors_of


class NearestClass:
    """Keeps the nearest of references that come part by part, so that there may be any number.

    Args:
        queries: vectors (N, F).

    Attributes:
        seen: how many references there were.
    """

    def __init__(self, queries: Tensor) -> None:
        self._queries = vectors_of(queries)
        self._squares = torch.full((len(queries),), torch.inf, dtype=torch.float64)
        self._classes = torch.full((len(queries),), -1, dtype=torch.int64)
        self.seen = 0

    def see(self, references: Tensor, classes: Tensor) -> None:
        """Take up references (M, F) and their classes, int64 (M,); of equal ones the first counts.

        Raises:
            UsageError: there are not as many classes as references.
        """
        if len(references) != len(classes):
            raise UsageError(f"{len(references)} references have {len(classes)} classes")
        self.seen += len(references)
        for rows, squares in squared_distance_blocks(self._queries, vectors_of(references)):
            found = squares.min(dim=1)
            nearer = found.values < self._squares[rows]
            shown = classes[found.indices]
            self._squares[rows] = torch.where(nearer, found.values, self._squares[rows])
            self._classes[rows] = torch.where(nearer, shown, self._classes[rows])

    def error(self, classes: Tensor) -> float:
        """Return the share of queries whose class, int64 (N,), is not that of their nearest."""
        return float((self._classes != classes).double().mean())

    def distance(self) -> float:
        """Return the mean distance of queries from their nearest reference."""
        return float(self._squares.sqrt().mean())
