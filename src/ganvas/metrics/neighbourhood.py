"""How samples lie among real items: looked at again and again while a generator trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.domain import Domain
from ganvas.metrics.diversity import mean_pairwise_distance
from ganvas.metrics.duplicates import duplicate_border, duplicate_rate
from ganvas.metrics.extractor import Extractor, extract
from ganvas.metrics.inception_score import class_shares
from ganvas.metrics.modes import STRICT_SHARE
from ganvas.metrics.prdc import expected_coverage, prdc
from ganvas.metrics.unmeasurable import UnmeasurableError

SET_SAMPLES = 1_000
"""Samples, and real items, where neighbours are compared: their cost is quadratic."""

HELD = 1 << 26
"""Numbers in a set of samples, at most: 256 MiB; fewer samples are drawn of larger images."""

FEWEST = 100
"""A set with fewer items is too small to compare with."""

NEIGHBOURS = 5

TIED = 0.1
"""Where so many real items have exact copies, near copies among samples say nothing."""


class Neighbourhood:
    """How samples lie among real items, in coordinates or in the features of an extractor.

    Args:
        real: items in data units; they are looked at once.
        domain: their kind.
        extractor: makes the features; None: coordinates in network units.
        device: on which it computes.
    """

    def __init__(
        self,
        real: NDArray[Any],
        domain: Domain,
        extractor: Extractor | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._domain, self._extractor, self._device = domain, extractor, device
        self.samples = set_size(domain.shape)
        self._real, probabilities = self._see(real)
        self._shares = None if probabilities is None else class_shares(probabilities)
        self._spread = mean_pairwise_distance(self._real)
        self._k = min(NEIGHBOURS, len(self._real) - 1)
        self._border = _border(self._real)

    def __call__(self, samples: Tensor) -> dict[str, float]:
        """Return precision, recall, density and coverage, variety, near copies and classes."""
        fake, probabilities = self._see(self._domain.decode(samples))
        near = prdc(self._real, fake, self._k)
        possible = expected_coverage(len(self._real), len(fake), self._k)
        found = {**near._asdict(), "ratio": near.coverage / possible}
        if self._spread > 0:
            found["diversity"] = mean_pairwise_distance(fake) / self._spread
        if self._border is not None:
            # As many samples as real items: the border belongs to a set of that size.
            found["duplicates"] = duplicate_rate(fake[: len(self._real)], self._border)
        if probabilities is not None and self._shares is not None:
            found |= class_numbers(class_shares(probabilities), self._shares)
        return found

    def _see(self, x: NDArray[Any]) -> tuple[Tensor, Tensor | None]:
        if self._extractor is None:
            return self._domain.encode(x).flatten(1), None
        return extract(self._extractor, x, device=self._device)


def _border(real: Tensor) -> float | None:
    """Return what a near copy is among samples; None where real items are so often copies."""
    try:
        border = duplicate_border(real)
    except UnmeasurableError:
        return None
    return None if duplicate_rate(real, border) > TIED else border


def class_numbers(shares: Tensor, real: Tensor) -> dict[str, float]:
    """Return how evenly samples fall into classes, from class shares (K,) of samples and of data.

    A class counts as covered by a fifth of the share that it has in the data.
    """
    wanted = real > 0
    covered = wanted & (shares >= STRICT_SHARE * real)
    held = shares[shares > 0]
    entropy = -float((held * held.log()).sum())
    return {
        "classes": float(covered.sum()),
        "classes_missing": float((wanted & ~covered).sum()),
        "class_entropy": abs(entropy) / math.log(max(len(shares), 2)),
    }


def set_size(shape: Sequence[int]) -> int:
    """Return how many samples of this shape are compared with as many real items."""
    return min(SET_SAMPLES, max(HELD // math.prod(shape), FEWEST))
