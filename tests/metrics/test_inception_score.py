from __future__ import annotations

import math

import pytest
import torch

from ganvas.errors import UsageError
from ganvas.metrics.inception_score import class_shares, inception_score, mean_confidence


def test_certain_and_even_predictions_score_the_number_of_classes():
    p = torch.eye(10).repeat(50, 1)
    found = inception_score(p, splits=1)
    assert found.value == pytest.approx(10)
    assert found.spread == 0


def test_no_information_scores_one():
    assert inception_score(torch.full((40, 5), 0.2)).value == pytest.approx(1)
    assert inception_score(torch.eye(5)[[2] * 40]).value == pytest.approx(1)  # one class only


def test_two_points_by_hand():
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    divergence = 0.9 * math.log(1.8) + 0.1 * math.log(0.2)
    assert inception_score(p, splits=1).value == pytest.approx(math.exp(divergence))


def test_splits_do_not_depend_on_the_order_of_classes():
    # In file order each of ten splits would hold one class and score 1.
    p = torch.eye(10).repeat_interleave(100, 0)
    assert inception_score(p, splits=10).value > 9


def test_each_split_is_compared_with_its_own_marginal():
    assert inception_score(torch.eye(10), splits=10).value == pytest.approx(1)
    found = inception_score(torch.eye(8), splits=4)  # two classes in each, whatever the order
    assert (found.value, found.spread) == pytest.approx((2, 0))


def test_splits_are_drawn_with_the_seed():
    p = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    assert inception_score(p, splits=4, seed=0) == inception_score(p, splits=4)
    assert inception_score(p, splits=4, seed=1) != inception_score(p, splits=4)


def test_shares_and_confidence():
    p = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.4, 0.0], [0.0, 0.0, 1.0]])
    assert class_shares(p).tolist() == pytest.approx([2 / 3, 0, 1 / 3])
    assert mean_confidence(p) == pytest.approx((0.7 + 0.6 + 1.0) / 3)


def test_bad_probabilities_are_refused():
    with pytest.raises(UsageError, match="splits"):
        inception_score(torch.eye(3), splits=4)
    with pytest.raises(UsageError, match="finite"):
        class_shares(torch.full((2, 2), math.nan))
