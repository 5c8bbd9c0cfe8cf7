from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics import duplicates
from ganvas.metrics.diversity import (
    class_variances,
    mean_pairwise_distance,
    within_class_variance_ratio,
)
from ganvas.metrics.unmeasurable import UnmeasurableError


def normal(n: int, width: int, seed: int) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed)).double()


def test_a_perfect_generator_copies_as_often_as_held_out_images_do():
    train, held_out, fresh = normal(400, 3, 0), normal(4000, 3, 1), normal(4000, 3, 2)
    share = duplicates.copy_share(fresh, train, held_out, quantile=0.1)
    assert share == pytest.approx(0.1, abs=0.03)
    assert duplicates.copy_share(held_out, train, held_out, quantile=0.1) == pytest.approx(0.1)


def test_replayed_training_images_are_all_copies():
    train, held_out = normal(200, 3, 0), normal(200, 3, 1)
    assert duplicates.copy_share(train[:50], train, held_out) == 1
    assert duplicates.copy_share(train + 100, train, held_out) == 0


def test_duplicate_rate_by_hand():
    x = torch.tensor([[0.0], [1.0], [1.5], [10.0]])
    assert duplicates.duplicate_rate(x, 0.5) == 0.5
    assert duplicates.duplicate_rate(x, 0.4) == 0
    assert duplicates.duplicate_border(x, 0.5) == pytest.approx(0.75)  # of 1, 0.5, 0.5, 8.5


@pytest.mark.parametrize("border", [0.0, 0.5, 3.0])
def test_pairs_within_equals_brute_force(border: float):
    x = torch.cat([normal(40, 4, 0), normal(10, 4, 0)])  # with ten exact copies
    brute = (x[:, None] - x[None]).norm(dim=-1)[np.triu_indices(50, 1)]
    assert duplicates.pairs_within(x, border) == int((brute <= border).sum())


def test_birthday_estimate_finds_the_size_of_a_finite_support():
    support, hits, sizes = 500, 0, []
    points = normal(support, 6, 0)
    for seed in range(60):
        drawn = torch.randint(support, (200,), generator=torch.Generator().manual_seed(seed))
        found = duplicates.birthday_support(points[drawn], 1e-9)
        hits += found.low <= support <= found.high
        sizes.append(found.collisions / found.pairs)
    assert 1 / np.mean(sizes) == pytest.approx(support, rel=0.1)
    assert hits >= 54  # the interval is meant to hold in 95 % of cases: 57 expected


def test_birthday_estimate_without_and_with_only_collisions():
    none = duplicates.birthday_support(normal(30, 4, 0), 0.0)
    assert (none.collisions, none.size, none.high) == (0, math.inf, math.inf)
    assert none.low == pytest.approx(435 / -math.log(0.025))  # P(no collision) = 2.5 %
    same = duplicates.birthday_support(torch.ones(30, 4), 0.0)
    assert same.collisions == same.pairs == 435
    assert same.size == 1


def test_equal_items_do_not_put_the_border_at_nothing():
    """A few equal pairs: samples that are all alike still have near copies, and a small support."""
    real = normal(200, 6, 0)
    repeated = torch.cat([real, real[:5]])
    border = duplicates.duplicate_border(repeated)
    assert border == pytest.approx(duplicates.duplicate_border(real), rel=0.05)
    assert duplicates.duplicate_rate(repeated, border) >= 10 / 205
    collapsed = real[:1] + 1e-3 * normal(100, 6, 1)
    assert duplicates.duplicate_rate(collapsed, border) == 1
    assert duplicates.birthday_support(collapsed, border).size == 1


def test_held_out_images_that_were_trained_on_do_not_put_the_border_at_nothing():
    train, held_out = normal(200, 6, 0), normal(200, 6, 1)
    noisy = train + 1e-3 * normal(200, 6, 2)
    assert duplicates.copy_share(noisy, train, torch.cat([held_out, train[:9]])) == 1


def test_data_that_are_all_equal_have_no_near_copies_to_tell():
    with pytest.raises(UnmeasurableError, match="equal others"):
        duplicates.duplicate_border(torch.ones(20, 3))


def test_bad_requests_are_refused():
    x = normal(5, 2, 0)
    with pytest.raises(UsageError, match="quantile"):
        duplicates.copy_share(x, x, x, 1.0)
    with pytest.raises(UsageError, match="two samples"):
        duplicates.birthday_support(x[:1], 1.0)


def test_mean_pairwise_distance_equals_brute_force():
    x = normal(40, 3, 0)
    brute = (x[:, None] - x[None]).norm(dim=-1)[np.triu_indices(40, 1)].mean()
    assert mean_pairwise_distance(x) == pytest.approx(float(brute))
    with pytest.raises(UsageError, match="two samples"):
        mean_pairwise_distance(x[:1])


def test_within_class_variance():
    x = torch.tensor([[0.0, 0], [2, 0], [5, 5], [5, 9], [1, 1]])
    labels = torch.tensor([0, 0, 1, 1, 2])
    assert class_variances(x, labels, 4).tolist() == [2, 8, 0, 0]
    assert within_class_variance_ratio(x, labels, x, labels, 4) == 1
    assert within_class_variance_ratio(x / 2, labels, x, labels, 4) == pytest.approx(0.25)
    # Without class 1 its share counts as nothing: half of what remains.
    kept = labels != 1
    assert within_class_variance_ratio(x[kept], labels[kept], x, labels, 4) == 0.5


def test_variance_within_classes_part_by_part_is_that_of_the_whole():
    x, labels = 1e3 + normal(501, 3, 1), torch.arange(501) % 4
    whole = torch.stack([x[labels == k].double().var(0).sum() for k in range(4)])
    for size in (1, 7, 500):
        parts = class_variances((part for part in x.split(size)), labels, 5)
        torch.testing.assert_close(parts, torch.cat([whole, torch.zeros(1, dtype=whole.dtype)]))
    with pytest.raises(UsageError, match="501 samples need as many labels"):
        class_variances(x.split(7), torch.zeros(502, dtype=torch.long), 1)


def test_variance_needs_labels_and_a_class_that_varies():
    x = normal(4, 2, 0)
    with pytest.raises(UsageError, match="as many labels"):
        class_variances(x, torch.zeros(3, dtype=torch.long), 1)
    with pytest.raises(UsageError, match="no class"):
        within_class_variance_ratio(x, torch.arange(4), x, torch.arange(4), 4)


def test_training_images_may_come_part_by_part() -> None:
    generator = torch.Generator().manual_seed(0)
    train, held_out, x = (torch.randn(n, 3, generator=generator) for n in (60, 40, 50))
    whole = duplicates.copy_share(x, train, held_out, quantile=0.3)
    assert 0 < whole < 1
    assert duplicates.copy_share(x, iter(train.split(7)), held_out, quantile=0.3) == whole
