"""How different samples are from one another, overall and within each class."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import squared_distance_blocks, wide
from ganvas.metrics.unmeasurable import UnmeasurableError


def mean_pairwise_distance(features: Tensor) -> float:
    """Return the mean Euclidean distance over all pairs of (N, F) features, exact."""
    vectors = wide(features)
    n = len(vectors)
    if n < 2:
        raise UnmeasurableError("pairwise distances need two samples or more")
    total = 0.0
    for rows, squares in squared_distance_blocks(vectors, vectors):
        local = torch.arange(len(squares), device=squares.device)
        squares[local, local + rows.start] = 0.0
        total += float(squares.sqrt().sum())
    return total / (n * (n - 1))


def class_variances(features: Tensor | Iterable[Tensor], labels: Tensor, classes: int) -> Tensor:
    """Return the total variance (trace of the covariance) within each class, (K,) float64.

    Args:
        features: (N, F), or consecutive parts of them, each of which is let go when it is counted.
        labels: (N,) int64 in [0, K).
        classes: K.

    A class with fewer than two members has variance 0.
    """
    counts = torch.zeros(classes, dtype=torch.float64)
    scatters = torch.zeros(classes, dtype=torch.float64)
    means: Tensor | None = None
    seen = 0
    for part in [features] if isinstance(features, Tensor) else features:
        vectors, theirs = wide(part), labels[seen : seen + len(part)]
        seen += len(vectors)
        if len(theirs) != len(vectors):
            break
        if means is None:
            means = vectors.new_zeros(classes, vectors.shape[1])
        for label in range(classes):  # Chan, Golub and LeVeque 1983, as in `moments`
            members = vectors[theirs == label]
            if not len(members):
                continue
            mean, total = members.mean(0), counts[label] + len(members)
            gap = mean - means[label]
            shift = gap.square().sum() * counts[label] * len(members) / total
            scatters[label] += (members - mean).square().sum() + shift
            means[label] += gap * (len(members) / total)
            counts[label] = total
    if labels.shape != (seen,):
        raise UsageError(f"{seen} samples need as many labels, got shape {tuple(labels.shape)}")
    return scatters / (counts - 1).clamp(min=1)


def within_class_variance_ratio(
    samples: Tensor | Iterable[Tensor],
    sample_labels: Tensor,
    real: Tensor | Iterable[Tensor],
    real_labels: Tensor,
    classes: int,
) -> float:
    """Return the variance within classes over that of real data, averaged over the real classes.

    About 1 is right; a generator with one prototype a class scores near 0. A class that the samples
    lack counts as 0: what is missing varies nowhere.
    """
    wanted = class_variances(real, real_labels, classes)
    found = class_variances(samples, sample_labels, classes)
    held = wanted > 0
    if not held.any():
        raise UnmeasurableError("no class of the real data has two different members")
    return float((found[held] / wanted[held]).mean())
