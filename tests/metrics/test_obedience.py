"""Cohen's κ and the variance within labels, in closed form."""

import pytest
import torch

from ganvas.metrics.obedience import kappa, nearest, obedience


def clusters(labels: torch.Tensor, spread: float) -> torch.Tensor:
    """Return points around 10 · label."""
    return 10.0 * labels[:, None] + spread * torch.randn(len(labels), 2)


def test_kappa_is_one_for_equal_ratings_and_zero_for_a_constant_one():
    asked = torch.arange(6) % 3
    assert kappa(asked, asked, 3) == 1
    assert kappa(asked, torch.zeros(6, dtype=torch.long), 3) == pytest.approx(0)


def test_kappa_by_hand():
    # 4 of 6 equal; chance ⅓·½ + ⅓·⅙ + ⅓·⅓ = ⅓.
    asked, shown = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 0, 1, 0, 2, 2])
    assert kappa(asked, shown, 3) == pytest.approx((5 / 6 - 1 / 3) / (1 - 1 / 3))


def test_labels_that_no_chance_can_miss_say_nothing():
    assert kappa(torch.zeros(4, dtype=torch.long), torch.zeros(4, dtype=torch.long), 1) == 0


def test_nearest_is_that_of_brute_force():
    x, known = torch.randn(50, 3), torch.randn(40, 3)
    assert torch.equal(nearest(x, known), torch.cdist(x, known).argmin(1))


def test_samples_that_follow_their_labels_and_vary_as_real_items():
    labels = torch.arange(400) % 4
    found = obedience(clusters(labels, 1.0), labels, clusters(labels, 1.0), labels, 4)
    assert (found.agreement, found.kappa) == (1, 1)
    assert found.within == pytest.approx(1, abs=0.25)


def test_samples_of_other_labels_agree_by_chance():
    labels = torch.arange(4000) % 4
    shuffled = labels[torch.randperm(4000)]
    found = obedience(clusters(shuffled, 1.0), labels, clusters(labels[:400], 1.0), labels[:400], 4)
    assert found.kappa == pytest.approx(0, abs=4 / 4000**0.5)
    assert found.agreement == pytest.approx(0.25, abs=0.03)


def test_one_thing_for_each_label_has_no_variance():
    labels = torch.arange(400) % 4
    found = obedience(clusters(labels, 0.0), labels, clusters(labels, 1.0), labels, 4)
    assert found.kappa == 1
    assert found.within == pytest.approx(0, abs=1e-9)
