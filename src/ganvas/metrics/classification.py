"""Classification by nearest neighbours, from few labels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import squared_distance_blocks, wide
from ganvas.metrics.protocol import Estimate

Labels = NDArray[np.int64]


def classify(queries: Tensor, gallery: Tensor, labels: Tensor, k: int = 5) -> Tensor:
    """Return the class of most of the k nearest gallery vectors, (N,); the nearest breaks ties.

    Distances are Euclidean. On the unit sphere they rank as angles do.

    Args:
        queries: (N, F).
        gallery: (M, F), M >= k.
        labels: classes of the gallery, (M,) int64.
        k: neighbours that vote.

    Raises:
        UsageError: there are fewer than k vectors, or some are not finite.
    """
    a, b = wide(queries), wide(gallery)
    if len(b) < k:
        raise UsageError(f"{k} neighbours need as many labelled items, got {len(b)}")
    classes = int(labels.max()) + 1
    found: list[Tensor] = []
    for _, squares in squared_distance_blocks(a, b):
        near = labels[squares.topk(k, largest=False).indices]
        # All extras together are less than one vote, and the nearest's more than all others'.
        rank = 1 + 0.5 ** torch.arange(1, k + 1, device=near.device, dtype=torch.float64)
        votes = torch.zeros(len(near), classes, dtype=rank.dtype, device=near.device)
        found.append(votes.scatter_add_(1, near, rank.expand_as(near)).argmax(1))
    return torch.cat(found)


def neighbour_accuracy(
    train: tuple[Tensor, Labels],
    test: tuple[Tensor, Labels],
    count: int,
    *,
    k: int = 5,
    draws: int = 20,
    seed: int = 0,
) -> Estimate:
    """Return the accuracy on test vectors of ``count`` labelled training vectors.

    The labelled ones are drawn anew ``draws`` times, equally many of each class.

    Args:
        train: vectors (M, F) and their classes (M,).
        test: likewise.
        count: of labelled training vectors.
        k: neighbours that vote.
        draws: over which mean and standard deviation are taken.
        seed: of the draws.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    vectors, labels = train[0], torch.from_numpy(train[1]).to(train[0].device)
    truth = torch.from_numpy(test[1]).to(test[0].device)
    found: list[float] = []
    for _ in range(draws):
        chosen = torch.from_numpy(balanced(train[1], count, rng)).to(vectors.device)
        answers = classify(test[0], vectors[chosen], labels[chosen], k)
        found.append(float((answers == truth).double().mean()))
    return Estimate(float(np.mean(found)), float(np.std(found)))


def balanced(labels: Labels, count: int, rng: np.random.Generator) -> Labels:
    """Return places of ``count`` labels, drawn without repeats, equally many of each class.

    Raises:
        UsageError: some class has too few, or the classes do not divide the count.
    """
    classes = np.unique(labels)
    each, rest = divmod(count, len(classes))
    if rest or not each:
        raise UsageError(
            f"{count} labels cannot be shared evenly by {len(classes)} classes; "
            f"choose a multiple of {len(classes)}"
        )
    places = [rng.permutation(np.flatnonzero(labels == c)) for c in classes]
    fewest = min(map(len, places))
    if fewest < each:
        raise UsageError(f"{count} labels need {each} items of each class; one has {fewest}")
    return np.concatenate([place[:each] for place in places])
