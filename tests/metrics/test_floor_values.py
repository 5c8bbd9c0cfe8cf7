"""Floors are what real data reach: no sample has a part in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from ganvas.data.laws import law
from ganvas.data.packaged import digits8
from ganvas.metrics.images import evaluate_images
from ganvas.metrics.points import evaluate_point_set, evaluate_points
from ganvas.metrics.protocol import Score
from ganvas.metrics.stacked import NearestNeighbour

Evaluate = Callable[[np.ndarray], Mapping[str, Score]]
RNG = np.random.Generator(np.random.PCG64(0))


def images() -> tuple[np.ndarray, np.ndarray, Evaluate]:
    items = digits8().splits["train"]
    order = RNG.permutation(len(items.x))
    train, held_out, good = np.split(items.x[order[:600]], [300, 500])
    classifier = NearestNeighbour(items.x, items["label"])
    bad = np.repeat(train[:4], 25, axis=0)
    return good, bad, lambda x: evaluate_images(x, train, classifier, held_out=held_out)


def clouds() -> tuple[np.ndarray, np.ndarray, Evaluate]:
    reference, real, good = RNG.normal(size=(3, 100, 2))
    return good, 3 * good + 1, lambda x: evaluate_point_set(x, reference, real=real)


def laws() -> tuple[np.ndarray, np.ndarray, Evaluate]:
    ring = law("ring8")
    good = ring.sample(100, RNG)[0]
    return good, 0.5 * good, lambda x: evaluate_points(x, ring, seed=0)


@pytest.mark.parametrize("data", [images, clouds, laws])
def test_floors_do_not_depend_on_the_samples(
    data: Callable[[], tuple[np.ndarray, np.ndarray, Evaluate]],
) -> None:
    good, bad, evaluate = data()
    one, other = evaluate(good), evaluate(bad)
    assert {name: s.floor for name, s in one.items()} == {n: s.floor for n, s in other.items()}
    moved = {name for name, s in one.items() if s.value != other[name].value}
    floored = {name for name, s in one.items() if s.floor is not None}
    assert len(floored & moved) > 0.6 * len(floored)
