"""What one process of several must know, and the one collective that training needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.nn import everyones, sum_


@dataclass(frozen=True)
class Ranks:
    """This process's place among those that train together."""

    rank: int = 0
    world: int = 1

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Average dense and row-sparse ``tensors`` over the processes, in place.

        All dense ones travel in a single flat all-reduce.
        """
        if self.world == 1:
            return
        dense = [t for t in tensors if not t.is_sparse]
        if dense:
            flat = torch.cat([t.reshape(-1) for t in dense])
            sum_(flat).div_(self.world)
            parts = torch.split(flat, [t.numel() for t in dense])
            for tensor, part in zip(dense, parts, strict=True):
                tensor.copy_(part.view_as(tensor))
        for tensor in tensors:
            if tensor.is_sparse:
                self._average_rows_(tensor)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a detached tensor over the processes, the same on all of them."""
        value = value.detach()
        if self.world == 1:
            return value
        return sum_(value.clone()) / self.world

    def _average_rows_(self, gradient: Tensor) -> None:
        """Average a row-sparse gradient: every process gets the rows of all."""
        mine = gradient.coalesce()
        rows = mine.indices().cpu(), mine.values().cpu()
        pieces = everyones(rows, sum(part.nbytes for part in rows))
        total = torch.sparse_coo_tensor(
            torch.cat([indices for indices, _ in pieces], dim=1).to(gradient.device),
            torch.cat([values for _, values in pieces]).to(gradient.device) / self.world,
            gradient.shape,
        )
        gradient.copy_(total.coalesce())
