"""Whether samples show the classes that they were asked for, and more than one thing of each.

The class that a sample shows is that of the nearest labelled training item, so that any labelled
data can be measured; what fresh items reach in the same way tells how far that can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.metrics.diversity import within_class_variance_ratio
from ganvas.metrics.neighbours import squared_distance_blocks, wide


@dataclass(frozen=True)
class Obedience:
    """How samples follow their labels.

    Attributes:
        agreement: share of samples that show the class they were asked for.
        kappa: the same beyond chance, in units of what chance leaves: Cohen's κ.
        within: variance within classes, in units of that of real items; 0 is one thing of each.
    """

    agreement: float
    kappa: float
    within: float


def obedience(
    samples: Tensor, asked: Tensor, known: Tensor, labels: Tensor, classes: int
) -> Obedience:
    """Return how samples (N, F) follow the classes ``asked`` of them, (N,) int64 in [0, K).

    Args:
        samples: vectors.
        asked: their classes.
        known: vectors (M, F) of labelled items.
        labels: theirs, (M,).
        classes: K.
    """
    shown = labels[nearest(samples, known)]
    share = float((shown == asked).double().mean())
    within = within_class_variance_ratio(samples, asked, known, labels, classes)
    return Obedience(share, kappa(asked, shown, classes), within)


def kappa(asked: Tensor, shown: Tensor, classes: int) -> float:
    """Return (p − c) / (1 − c) of two ratings (N,) (Cohen 1960), 0 where chance leaves nothing.

    p is the share of equal ones, and c its expectation if they were independent.
    """
    ratings = (torch.bincount(r, minlength=classes).double() / len(r) for r in (asked, shown))
    chance = float(torch.stack(list(ratings)).prod(0).sum())
    equal = float((asked == shown).double().mean())
    return (equal - chance) / (1 - chance) if chance < 1 else 0.0


def nearest(samples: Tensor, known: Tensor) -> Tensor:
    """Return the place (N,) of the nearest of ``known`` for each sample."""
    found = [s.argmin(1) for _, s in squared_distance_blocks(wide(samples), wide(known))]
    return torch.cat(found)
