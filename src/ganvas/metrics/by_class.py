"""How samples follow their labels class by class: which class leaks into which, and variety.

The class that a sample shows is what a classifier says, or else that of the nearest training item.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.metrics.diversity import class_variances
from ganvas.metrics.extractor import Look
from ganvas.metrics.inception_score import predicted
from ganvas.metrics.obedience import nearest

COLLAPSED = 0.1
"""Of a class that varies less than this, in units of real items, one thing is drawn."""


@dataclass(frozen=True)
class ByClass:
    """What became of each of K classes.

    Attributes:
        shown: (K, K) shares; in row i and column j of the samples asked for i that show j. Rows of
            classes that nobody asked for are 0.
        variance: (K,) of samples asked for each class, in units of real items of that class; NaN of
            classes whose real items do not vary.
    """

    shown: Tensor
    variance: Tensor

    @property
    def agreement(self) -> Tensor:
        """The share of each class that shows what it was asked for, (K,)."""
        return self.shown.diagonal()

    @property
    def easy_to_hard(self) -> list[int]:
        """The classes, those that follow their labels most often first."""
        return sorted(range(len(self.shown)), key=lambda k: -float(self.agreement[k]))

    @property
    def collapsed(self) -> list[int]:
        """The classes of which one thing is drawn."""
        return [k for k in range(len(self.variance)) if self.variance[k] < COLLAPSED]

    def leak(self, asked: int) -> tuple[int, float]:
        """Return which other class is shown most often in place of one, and its share."""
        others = self.shown[asked].clone()
        others[asked] = -1.0
        worst = int(others.argmax())
        return worst, float(others[worst].clamp_min(0))


def by_class(
    samples: Tensor, asked: Tensor, shown: Tensor, real: Tensor, labels: Tensor, classes: int
) -> ByClass:
    """Return what became of each class.

    Args:
        samples: features (N, F).
        asked: classes (N,) that they were asked to show.
        shown: those that they show, (N,).
        real: features (M, F) of real items.
        labels: theirs, (M,).
        classes: K.
    """
    pairs = torch.bincount(asked * classes + shown, minlength=classes**2).double()
    matrix = pairs.view(classes, classes)
    wanted = class_variances(real, labels, classes)
    found = class_variances(samples, asked, classes)
    ratio = torch.where(wanted > 0, found / wanted, torch.nan)
    return ByClass(matrix / matrix.sum(1, keepdim=True).clamp_min(1), ratio)


def recognised(samples: Look, known: Look, labels: Tensor, classes: int) -> Tensor:
    """Return the class (N,) that each sample shows.

    A classifier of K classes says it, or else the nearest of known items (M, F) with labels (M,).
    """
    if samples.probabilities is not None and samples.probabilities.shape[1] == classes:
        return predicted(samples.probabilities)
    return labels[nearest(samples.features, known.features)]
