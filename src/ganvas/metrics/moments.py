"""Mean and covariance of any number of feature vectors in bounded memory, in float64."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import chunks
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite


class RunningMoments:
    """Accumulates mean and covariance over batches (Chan, Golub and LeVeque 1983).

    Memory is O(F^2) whatever the number of samples. Batches are centred before they are multiplied,
    so a large common offset costs no precision. Two accumulators merge into one, which makes the
    result independent of how samples were divided over processes, up to rounding.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.count = 0
        self._mean = torch.zeros(width, dtype=torch.float64)
        self._scatter = torch.zeros(width, width, dtype=torch.float64)

    def update(self, features: Tensor) -> Self:
        """Add a batch of shape (N, F).

        Raises:
            UsageError: another shape.
            UnmeasurableError: some features are not finite; nothing was added.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise UsageError(
                f"features must have shape (N, {self.width}), got {tuple(features.shape)}"
            )
        if len(features) == 0:
            return self
        require_finite(features, "features")
        for _, batch in chunks(features.detach().cpu()):
            mean = batch.mean(0)
            centred = batch - mean
            self._absorb(len(batch), mean, centred.T @ centred)
        return self

    def merge(self, other: RunningMoments) -> Self:
        """Add all that another accumulator of the same width has seen."""
        if other.width != self.width:
            raise UsageError(f"cannot merge moments of widths {self.width} and {other.width}")
        return self._absorb(other.count, other._mean, other._scatter) if other.count else self

    def _absorb(self, count: int, mean: Tensor, scatter: Tensor) -> Self:
        total = self.count + count
        gap = mean - self._mean
        self._scatter += scatter + torch.outer(gap, gap) * (self.count * count / total)
        self._mean += gap * (count / total)
        self.count = total
        return self

    @property
    def mean(self) -> Tensor:
        """The mean, (F,) float64."""
        self._require(1)
        return self._mean.clone()

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance (divisor N - 1), (F, F) float64."""
        self._require(2)
        return self._scatter / (self.count - 1)

    def _require(self, least: int) -> None:
        if self.count < least:
            raise UnmeasurableError(f"{least} samples or more are needed, got {self.count}")


def moments_of(features: Tensor) -> RunningMoments:
    """Return the moments of features (N, F)."""
    return RunningMoments(features.shape[1]).update(features)
