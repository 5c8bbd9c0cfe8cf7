"""What layers that draw are given while a trained model samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.play import Noise


class OfSamples:
    """Draws of some samples of a seed: each has its own, whatever it is computed together with.

    As latents are, they are drawn in blocks, each from a seed of its own.

    Args:
        seed_of: gives the seed of a block by its number.
        block: samples in a block.
        rows: the samples in question.
    """

    def __init__(self, seed_of: Callable[[int], int], block: int, rows: slice) -> None:
        first, end = rows.start // block, -(-rows.stop // block)
        self._streams = [Noise(seed_of(number)).branch("layers") for number in range(first, end)]
        self._whole = Noise(seed_of(0)).branch("layers", "whole")
        self._block, self._rows = (
            block,
            slice(rows.start - first * block, rows.stop - first * block),
        )

    def normal(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) standard normal numbers."""
        return self._of_rows([s.normal(self._each(n), *shape) for s in self._streams], n)

    def uniform(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) numbers uniform on [0, 1)."""
        return self._of_rows([s.uniform(self._each(n), *shape) for s in self._streams], n)

    def whole(self) -> Noise:
        """Return draws for what does not depend on which samples these are."""
        return self._whole

    def _each(self, n: int) -> int:
        """Return how many rows a block has of a draw for n: one for each sample, or several."""
        samples = self._rows.stop - self._rows.start
        if n % samples:
            raise GanvasError(f"a layer draws {n} rows for {samples} samples: expected a multiple")
        return n // samples * self._block

    def _of_rows(self, blocks: list[Tensor], n: int) -> Tensor:
        rows, each = self._rows, n // (self._rows.stop - self._rows.start)
        return torch.cat(blocks)[rows.start * each : rows.stop * each]
