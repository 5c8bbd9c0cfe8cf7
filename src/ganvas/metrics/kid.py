"""Kernel distance of feature sets: unbiased MMD under a cubic kernel (Binkowski et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import vectors_of, wide
from ganvas.metrics.protocol import Estimate
from ganvas.metrics.unmeasurable import UnmeasurableError

SUBSETS = 100
SUBSET_SIZE = 1_000


def polynomial_mmd(x: Tensor, y: Tensor, degree: int = 3) -> float:
    """Return the unbiased squared MMD of (n, F) and (m, F) features; negative values are noise.

    k(a, b) = (ab / F + 1)^degree, Gretton et al. 2012, equation 3.
    """
    first, second = wide(x), wide(y)
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise UnmeasurableError(f"a kernel distance needs 2 rows or more a side, got {n} and {m}")
    if first.shape[1] != second.shape[1]:
        raise UsageError(
            "a kernel distance needs two feature sets of one width, got "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** degree

    within = sum(
        (k.sum() - k.trace()) / (len(k) * (len(k) - 1))
        for k in (kernel(first, first), kernel(second, second))
    )
    return float(within - 2 * kernel(first, second).mean())


def kernel_distance(
    x: Tensor, y: Tensor, *, subsets: int = SUBSETS, size: int = SUBSET_SIZE, seed: int = 0
) -> Estimate:
    """Return mean and standard deviation of `polynomial_mmd` over random subsets.

    Args:
        x: features (n, F).
        y: features (m, F).
        subsets: how many subsets are drawn from each side.
        size: members of a subset, drawn without replacement; at most half of the smaller side, or
            all subsets would be alike and show no spread.
        seed: of the draw.
    """
    if subsets < 1:
        raise UsageError(f"subsets must be at least 1, got {subsets}")
    first, second = vectors_of(x), vectors_of(y)
    members = subset_size(len(first), len(second), size)
    rng = torch.Generator().manual_seed(seed)

    def draw(features: Tensor) -> Tensor:
        chosen = torch.randperm(len(features), generator=rng)[:members]
        return features[chosen.to(features.device)]

    found = torch.tensor(
        [polynomial_mmd(draw(first), draw(second)) for _ in range(subsets)], dtype=torch.float64
    )
    return Estimate(float(found.mean()), float(found.std(correction=0)))


def subset_size(n: int, m: int, size: int = SUBSET_SIZE) -> int:
    """Return how many members a subset of n and m samples really has."""
    return min(size, max(2, min(n, m) // 2))
