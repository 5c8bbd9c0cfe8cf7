"""Planes that part codes: on linear attributes, of which everything is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.svm import SVC
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.boundaries import (
    FAR,
    boundary,
    boundary_of_labels,
    correlations,
    cosines,
    entanglement,
    extremes,
    labelled,
    plane,
    separability,
    threshold_of,
)
from ganvas.latent.directions import Direction


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def units(count: int, size: int, seed: int = 5) -> Tensor:
    vectors = normal(count, size, seed=seed)
    return vectors / vectors.norm(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def codes() -> Tensor:
    return normal(8_000, 32)


@pytest.fixture(scope="module")
def truth() -> Tensor:
    """Three normals, the first two of which have a cosine of about .5."""
    found = units(3, 32)
    found[1] = found[0] + found[1]
    return found / found.norm(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def scores(codes: Tensor, truth: Tensor) -> np.ndarray[Any, Any]:
    return (codes @ truth.T * torch.tensor([1.0, 3.0, 0.2])).double().numpy()


def test_the_published_counts() -> None:
    chosen = extremes(np.random.default_rng(0).random(500_000))
    assert len(chosen.train) == 14_000
    assert len(chosen.validation) == 6_000
    assert len(chosen.remaining) == 480_000
    everything = np.concatenate([chosen.train, chosen.validation, chosen.remaining])
    assert (np.bincount(everything) == 1).all()  # each row once
    assert chosen.positive.sum() == 10_000
    assert chosen.positive[chosen.train].sum() == 7_000


def test_a_side_is_at_most_half_and_has_the_extremes() -> None:
    values = np.random.default_rng(1).normal(size=101)
    chosen = extremes(values, share=0.9)
    assert (len(chosen.train) + len(chosen.validation), len(chosen.remaining)) == (100, 1)
    few = extremes(values, share=0.1)
    assert values[few.positive].min() == np.sort(values)[-10]
    assert not few.positive[few.remaining].any()
    with pytest.raises(UsageError, match=r"101 scores, and a share of 0.02 .* are 2 codes"):
        extremes(values)
    with pytest.raises(UsageError, match="score something that differs between samples"):
        extremes(np.zeros(100), share=0.1)


def test_samples_without_a_score_are_left_out() -> None:
    values = np.arange(100.0)
    values[::2] = np.nan
    chosen = extremes(values, share=0.2)
    rows = np.concatenate([chosen.train, chosen.validation, chosen.remaining])
    assert set(rows.tolist()) == set(range(1, 100, 2))


def test_a_linear_attribute_is_found(
    codes: Tensor, truth: Tensor, scores: np.ndarray[Any, Any]
) -> None:
    for column, wanted in zip(scores.T, truth, strict=True):
        found = boundary(codes, column, share=0.05)
        cosine = float(found.direction.vector @ wanted)
        assert cosine > 0.95
        assert found.direction.length == pytest.approx(1, abs=1e-6)
        assert found.direction.vector.shape == (32,)
        assert found.validation > 0.99
        # A plane at an angle θ to the true one tells a share of 1 − θ/π of all codes rightly.
        chosen = np.abs(column) < np.quantile(np.abs(column), 0.9)
        everything = (found.direction.distances(codes) > 0).numpy() == (column > 0)
        assert everything.mean() == pytest.approx(1 - math.acos(cosine) / math.pi, abs=0.02)
        assert found.remaining == pytest.approx(everything[chosen].mean(), abs=0.02)
        positive = column >= np.quantile(column, 0.95)
        distances = found.direction.distances(codes).numpy()
        assert distances[positive].mean() > distances[~positive].mean()  # not turned round


def test_codes_that_validate_are_not_learnt() -> None:
    """Of labels that say nothing, in more dimensions than codes, the others are told by chance."""
    codes, coins = normal(400, 512), np.random.default_rng(0).random(400)
    found = boundary(codes, coins, share=0.5)
    chosen = extremes(coins, share=0.5)
    learnt = (found.direction.distances(codes) > 0).numpy() == chosen.positive
    assert learnt[chosen.train].all(), "those that train are known by heart"
    assert (found.train, found.validated) == (280, 120)
    assert 0.35 < found.validation < 0.65
    assert found.validation == learnt[chosen.validation].mean()


def test_any_increasing_transform_of_scores_gives_the_same_plane(
    codes: Tensor, scores: np.ndarray[Any, Any]
) -> None:
    plain = boundary(codes, scores[:, 0], share=0.02)
    bent = boundary(codes, 1 / (1 + np.exp(-5 * scores[:, 0])), share=0.02)
    assert torch.equal(plain.direction.vector, bent.direction.vector)
    assert plain.direction.intercept == bent.direction.intercept
    assert (plain.threshold, bent.threshold) == (0, 0.5)
    assert plain.remaining == bent.remaining
    assert threshold_of(np.array([np.nan, 0.2])) == 0.5
    moved = boundary(codes, scores[:, 0] + 9, share=0.02, threshold=9)
    assert moved.remaining == plain.remaining


def test_moving_all_codes_moves_the_plane_and_turns_it_nowhere(
    codes: Tensor, scores: np.ndarray[Any, Any]
) -> None:
    """W is not centred at 0: without an intercept the distances would be those of another plane."""
    shift = 3 * normal(32, seed=9)
    codes, scores = codes[:2000], scores[:2000]
    here = boundary(codes.double(), scores[:, 0], share=0.05)
    there = boundary(codes.double() + shift, scores[:, 0], share=0.05)
    torch.testing.assert_close(here.direction.vector, there.direction.vector, rtol=0, atol=1e-4)
    assert abs(there.direction.intercept - here.direction.intercept) > 0.5
    torch.testing.assert_close(
        there.direction.distances(codes + shift),
        here.direction.distances(codes),
        rtol=0,
        atol=5e-3,
    )
    assert there.validation > 0.99
    scaled = boundary(7 * codes, scores[:, 0], share=0.05)
    torch.testing.assert_close(scaled.direction.vector, here.direction.vector, rtol=0, atol=1e-3)


def test_the_plane_is_that_of_a_kernel_machine_with_a_free_intercept(
    codes: Tensor, scores: np.ndarray[Any, Any]
) -> None:
    """SVC, which the authors' code calls, does not penalise the intercept."""
    chosen = extremes(scores[:, 0] + np.random.default_rng(0).normal(size=8000), share=0.05)
    some = codes[chosen.train] + 0.3
    labels = chosen.positive[chosen.train]
    mine = plane(some, labels)
    flat = some.double().numpy()
    theirs = SVC(kernel="linear").fit((flat - flat.mean(0)) / flat.std(0).mean(), labels)
    wanted = theirs.coef_[0] / np.linalg.norm(theirs.coef_[0])
    assert float(mine.vector.double().numpy() @ wanted) > 0.99
    agreed = mine.distances(codes).numpy() > 0
    other = theirs.decision_function((codes.double().numpy() - flat.mean(0)) / flat.std(0).mean())
    assert (agreed == (other > 0)).mean() > 0.97


def test_planes_of_labels_by_hand(codes: Tensor, truth: Tensor) -> None:
    labels = np.full(8000, np.nan)
    labels[:400] = (codes[:400] @ truth[2] > 0).numpy()
    found = boundary_of_labels(codes, labels)
    assert (found.train + found.validated, found.remaining) == (400, None)
    assert float(found.direction.vector @ truth[2]) > 0.9
    with pytest.raises(UsageError, match=r"3 samples are labelled 1 and 97 are labelled 0"):
        labelled((np.arange(100) < 3).astype(float))


def test_scores_of_linear_attributes_correlate_as_their_normals_do(
    codes: Tensor, truth: Tensor, scores: np.ndarray[Any, Any]
) -> None:
    expected = (truth @ truth.T).numpy()
    found = correlations(scores)
    assert np.abs(found - expected).max() < 4 / math.sqrt(len(codes))
    assert np.allclose(correlations(scores * [1, -2, 0.1])[0, 1], -found[0, 1])
    of_normals = cosines([Direction(n * 3, 1.0) for n in truth])
    assert np.allclose(of_normals, expected, atol=1e-6)
    assert entanglement(np.array([[1, 0.5], [-0.3, 1]])) == pytest.approx(0.4)
    unknown = scores.copy()
    unknown[:10, 0] = np.nan
    assert np.isfinite(correlations(unknown)).all()


@pytest.mark.parametrize("size", [8, 64, 512])
def test_how_far_normal_latents_are_from_a_plane(size: int) -> None:
    assert 2 * norm.sf(FAR) == pytest.approx(5.73e-7, rel=1e-3)
    z = normal(20_000, size)
    (direction,) = units(1, size)
    plain = Direction(direction, 0.0).distances(z)
    assert float(plain.std()) == pytest.approx(1, abs=0.02)
    sphere = z / z.norm(dim=1, keepdim=True) * size**0.5
    assert float(Direction(direction, 0.0).distances(sphere).std()) == pytest.approx(1, abs=0.02)
    assert float(plain.abs().max()) < FAR


def test_what_planes_tell_of_attributes(codes: Tensor, scores: np.ndarray[Any, Any]) -> None:
    """1 of linear attributes; of coin tosses 2 for each, as a plane tells nothing of them."""
    some = codes[:2000]
    assert separability(some, scores[:2000]) == pytest.approx(1, abs=0.02)
    tosses = np.random.default_rng(0).choice([-1.0, 1.0], (2000, 2))
    assert 3.6 < separability(some, tosses) <= 4
    both = np.stack([scores[:2000, 0], tosses[:, 0]], axis=1)
    assert 1.9 < separability(some, both) <= 2.04
    assert separability(some, np.ones((2000, 1))) == 1  # one side only
