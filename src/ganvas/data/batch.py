"""Some records in network units, as rounds are given them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganvas.data.records import Records


class Batch(Records[Tensor]):
    """Records as tensors, such as x float32 (N, *shape), label int64 (N,), index int64 (N,)."""

    __slots__ = ()

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``."""
        return self.like({k: v.to(device, non_blocking=True) for k, v in self.fields.items()})

    def chunk(self, parts: int) -> list[Batch]:
        """Return the batch in so many parts, of equal size as far as that comes out even."""
        if parts == 1:
            return [self]
        pieces = {
            name: [v] * parts if name in self.loose else v.chunk(parts)
            for name, v in self.fields.items()
        }
        count = min(map(len, pieces.values()))
        return [self.like({k: split[i] for k, split in pieces.items()}) for i in range(count)]

    @staticmethod
    def cat(batches: Sequence[Batch]) -> Batch:
        """Return batches of the same fields one after the other."""
        first = batches[0]
        if len(batches) == 1:
            return first
        return first.like(
            {
                name: v if name in first.loose else torch.cat([batch[name] for batch in batches])
                for name, v in first.fields.items()
            }
        )
