"""Classification by neighbours: brute force, ties, geodesics, balance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from ganvas.errors import UsageError
from ganvas.metrics.classification import balanced, classify, neighbour_accuracy
from ganvas.nn import geodesic


def blobs(n: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    points = rng.normal(size=(n, 3)) + 2 * np.eye(4)[labels, :3]
    return torch.from_numpy(points), labels


def test_as_in_scikit_learn() -> None:
    (x, labels), (queries, _) = blobs(300, 0), blobs(200, 1)
    wanted = KNeighborsClassifier(1).fit(x, labels).predict(queries)
    known = torch.from_numpy(labels)
    assert classify(queries, x, known, 1).tolist() == wanted.tolist()
    voted = classify(queries, x, known, 5)
    shares = KNeighborsClassifier(5).fit(x, labels).predict_proba(queries)
    assert all(share[answer] == share.max() for share, answer in zip(shares, voted, strict=True))


def test_the_nearest_breaks_ties() -> None:
    gallery = torch.tensor([[0.0], [3.0], [1.0], [2.0]])
    assert classify(torch.tensor([[0.1]]), gallery, torch.tensor([1, 1, 0, 0]), 4).item() == 1
    assert classify(torch.tensor([[0.1]]), gallery, torch.tensor([0, 0, 1, 1]), 4).item() == 0


def test_on_the_sphere_distances_rank_as_angles() -> None:
    points = torch.nn.functional.normalize(blobs(200, 0)[0], dim=1)
    labels = torch.from_numpy(blobs(200, 0)[1])
    queries = torch.nn.functional.normalize(blobs(50, 1)[0], dim=1)
    near = geodesic(queries[:, None], points).topk(5, largest=False).indices
    votes = torch.nn.functional.one_hot(labels[near], 4).sum(1)
    answers = classify(queries, points, labels)
    assert (votes.gather(1, answers[:, None])[:, 0] == votes.max(1).values).all()


def test_accuracy_grows_with_labels_and_is_repeatable() -> None:
    train, test = blobs(2000, 0), blobs(500, 1)
    few, many = (neighbour_accuracy(train, test, n) for n in (20, 1000))
    assert few.value < many.value
    assert neighbour_accuracy(train, test, 20) == few
    assert few.spread > 0


def test_accuracy_is_that_of_as_many_neighbours_and_draws_of_the_seed() -> None:
    (x, labels), (queries, truth) = blobs(40, 0), blobs(200, 1)
    for k in (1, 7):  # all items are chosen, whatever the draw
        found = neighbour_accuracy((x, labels), (queries, truth), 40, k=k, draws=2)
        answers = classify(queries, x, torch.from_numpy(labels), k).numpy()
        assert (found.value, found.spread) == ((answers == truth).mean(), 0)
    few = [neighbour_accuracy((x, labels), (queries, truth), 20, seed=s) for s in (0, 1)]
    assert few[0] != few[1]


def test_labels_are_shared_evenly() -> None:
    labels = np.repeat(np.arange(5), 10)
    chosen = balanced(labels, 20, np.random.default_rng(0))
    assert np.bincount(labels[chosen]).tolist() == [4] * 5
    assert len(set(chosen.tolist())) == 20
    with pytest.raises(UsageError, match="multiple of 5"):
        balanced(labels, 21, np.random.default_rng(0))
    with pytest.raises(UsageError, match="one has 10"):
        balanced(labels, 100, np.random.default_rng(0))
    with pytest.raises(UsageError, match="5 neighbours"):
        classify(torch.zeros(1, 2), torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))
