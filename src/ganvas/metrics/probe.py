"""How much few labels tell with the help of features: a linear classifier on frozen ones.

Linear L2-SVMs (squared hinge, one against all others) on draws of so many labels a class, as
Radford, Metz & Chintala 2016 probe a discriminator. The cost C is the one whose mean accuracy over
all draws is the best on validation items; test items are looked at once, with that one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ganvas.data.progress import Progress
from ganvas.errors import UsageError
from ganvas.slices import slices

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Array = npt.NDArray[Any]
Represent = Callable[[Array], Floats]
"""Features (n, F) of items in data units."""

COSTS: Final[tuple[float, ...]] = tuple(10.0 ** (step / 2) for step in range(-12, 3))
"""1e-6 to 10 in half decades: features are not scaled, so the best C depends on their length."""
BATCH: Final = 500
"""Items whose features are held at once."""


@dataclass(frozen=True)
class Labelled:
    """Items with a class for each.

    Attributes:
        x: in data units, (N, …).
        label: (N,).
    """

    x: Array
    label: Numbers

    def at(self, rows: Numbers) -> Labelled:
        """Return some of them."""
        return Labelled(self.x[rows], self.label[rows])

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class Machines:
    """Linear classifiers of the same features, side by side.

    Attributes:
        weights: (F, M, K) of M classifiers of K classes.
        offsets: (M, K).
    """

    weights: Floats
    offsets: Floats

    def accuracy(self, represent: Represent, items: Labelled) -> npt.NDArray[np.float64]:
        """Return the share of items that each classifier tells rightly, (M,)."""
        width, many, classes = self.weights.shape
        flat = self.weights.reshape(width, -1)
        right = np.zeros(many)
        for part in slices(len(items), BATCH):
            scores = (represent(items.x[part]) @ flat).reshape(-1, many, classes) + self.offsets
            right += (scores.argmax(2) == items.label[part][:, None]).sum(0)
        return right / len(items)


@dataclass(frozen=True)
class Probed:
    """What a classifier reached.

    Attributes:
        name: of the features.
        width: how many numbers they are.
        chosen: what was chosen on validation items, in words.
        validation: its mean accuracy there.
        accuracies: on test items, of each draw, (draws,).
    """

    name: str
    width: int
    chosen: str
    validation: float
    accuracies: npt.NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean accuracy on test items."""
        return float(self.accuracies.mean())

    @property
    def error(self) -> float:
        """Standard error of the mean over draws."""
        return standard_error(self.accuracies)

    def above(self, other: Probed) -> tuple[float, float]:
        """Return by how much it is better than another on the same draws, and the error of that."""
        gain = self.accuracies - other.accuracies
        return float(gain.mean()), standard_error(gain)


def standard_error(values: npt.NDArray[np.float64]) -> float:
    """Return the standard error of the mean of values; not a number of a single one."""
    if len(values) < 2:
        return float("nan")
    return float(values.std(ddof=1) / len(values) ** 0.5)


def draws_of(
    label: Numbers, per_class: int, draws: int, names: Sequence[str] = (), seed: int = 0
) -> list[Numbers]:
    """Return the rows of so many draws of so many items of each class.

    Rows of a draw are different ones; draws are independent of each other.

    Raises:
        UsageError: a class has fewer.
    """
    classes = np.unique(label)
    counts = [int((label == k).sum()) for k in classes]
    fewest = int(np.argmin(counts))
    if counts[fewest] < per_class:
        k = int(classes[fewest])
        called = names[k] if k < len(names) else str(k)
        raise UsageError(
            f"class '{called}' has {counts[fewest]} labelled items to draw from, fewer than "
            f"{per_class}: ask for --labels-per-class {counts[fewest]} or less"
        )
    rng = np.random.default_rng(seed)
    places = [np.flatnonzero(label == k) for k in classes]
    return [
        np.concatenate([rng.choice(rows, per_class, replace=False) for rows in places])
        for _ in range(draws)
    ]


def fit(features: Floats, label: Numbers, classes: int, cost: float) -> tuple[Floats, Floats]:
    """Return the weights (F, K) and offsets (K,) of linear L2-SVMs with squared hinge.

    A class without items has an offset that never wins.
    """
    svm: Any = import_module("sklearn.svm")  # late: a second to import
    there = np.unique(label)
    machine = svm.LinearSVC(C=cost, dual=len(features) < features.shape[1], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large C that is not quite fitted is not chosen either
        machine.fit(features, label)
    weights = np.zeros((features.shape[1], classes), np.float32)
    offsets = np.full(classes, -np.inf, np.float32)
    slope, offset = machine.coef_, machine.intercept_
    if len(there) == 2:  # scikit-learn keeps one of two opposite machines
        slope, offset = np.concatenate([-slope, slope]), np.concatenate([-offset, offset])
    weights[:, there], offsets[there] = slope.T, offset
    return weights, offsets


def probe(
    name: str,
    represent: Represent,
    pool: Labelled,
    draws: Sequence[Numbers],
    validation: Labelled,
    test: Labelled,
    costs: Sequence[float] = COSTS,
) -> Probed:
    """Return what linear classifiers reach on features.

    Args:
        name: of the features.
        represent: makes them.
        pool: labelled items.
        draws: rows of the pool that each classifier is fitted to.
        validation: items that choose C.
        test: items that it is measured on.
        costs: values of C.
    """
    classes = 1 + int(max(part.label.max() for part in (pool, validation, test)))
    total = sum(map(len, draws)) + len(validation) + len(test)
    with Progress(f"probing {name}", total) as progress:

        def seen(x: Array) -> Floats:
            features = represent(x)
            progress.advance(len(x))
            return features

        fitted = list[list[tuple[Floats, Floats]]]()
        for rows in draws:
            drawn = pool.at(rows)
            features = seen(drawn.x)
            fitted.append([fit(features, drawn.label, classes, cost) for cost in costs])
        grid = [machine for machines in fitted for machine in machines]
        judged = _together(grid).accuracy(seen, validation).reshape(len(draws), len(costs)).mean(0)
        best = int(judged.argmax())
        accuracies = _together([machines[best] for machines in fitted]).accuracy(seen, test)
    width = len(fitted[0][0][0])
    return Probed(name, width, f"C = {costs[best]:.3g}", float(judged[best]), accuracies)


def _together(machines: Sequence[tuple[Floats, Floats]]) -> Machines:
    return Machines(np.stack([w for w, _ in machines], 1), np.stack([b for _, b in machines]))
