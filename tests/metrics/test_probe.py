"""Linear probes: draws, the choice of C, and what they reach."""

from __future__ import annotations

import numpy as np
import pytest

from ganvas.errors import UsageError
from ganvas.metrics.patches import Patches
from ganvas.metrics.probe import Labelled, Probed, draws_of, fit, probe

RNG = np.random.default_rng(0)
MIDDLES = np.array([[2.0, 0, 0], [0, 2, 0], [0, 0, 2]])


def clouds(n: int, spread: float = 0.3) -> Labelled:
    label = np.arange(n) % 3
    return Labelled(MIDDLES[label] + spread * RNG.normal(size=(n, 3)), label)


def plainly(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)


def test_draws_hold_different_rows_of_each_class_and_are_found_again() -> None:
    label = np.repeat([0, 1, 2], [9, 5, 7])
    draws = draws_of(label, 5, 4, seed=1)
    for rows in draws:
        assert len(set(rows.tolist())) == 15
        assert np.bincount(label[rows]).tolist() == [5, 5, 5]
    assert len({tuple(sorted(rows.tolist())) for rows in draws}) > 1
    for a, b in zip(draws, draws_of(label, 5, 4, seed=1), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(UsageError, match=r"class 'two' has 5 labelled items .* fewer than 6: ask "):
        draws_of(label, 6, 4, ("one", "two", "three"))


def test_what_is_apart_is_told_apart_and_noise_is_not() -> None:
    pool, chosen, test = clouds(300), clouds(60), clouds(90)
    draws = draws_of(pool.label, 5, 4)
    good = probe("places", plainly, pool, draws, chosen, test)
    noise = probe("noise", lambda x: RNG.normal(size=(len(x), 4)).astype(np.float32), pool, draws,
                  chosen, test)  # fmt: skip
    assert good.mean > 0.99
    assert noise.mean < 0.6
    gain, error = good.above(noise)
    assert gain == pytest.approx(good.mean - noise.mean)
    assert error == pytest.approx(np.std(good.accuracies - noise.accuracies, ddof=1) / 2)


def test_c_is_chosen_on_validation_items_alone() -> None:
    """Test items whose labels are turned round would choose another C than validation items do."""
    pool, chosen = clouds(300, 1.5), clouds(600, 1.5)
    draws = draws_of(pool.label, 20, 3)
    turned = Labelled(chosen.x, (chosen.label + 1) % 3)

    def probed(validation: Labelled, test: Labelled) -> Probed:
        return probe("", plainly, pool, draws, validation, test, costs=(1e-6, 1e-3, 1.0))

    here = probed(chosen, chosen)
    assert probed(chosen, turned).chosen == here.chosen
    assert probed(turned, chosen).chosen != here.chosen
    assert here.validation == pytest.approx(here.mean)


def test_two_classes_and_an_absent_one_are_no_exception() -> None:
    x = np.array([[-1.0], [-2], [1], [2]], np.float32)
    weights, offsets = fit(x, np.array([0, 0, 2, 2]), 3, 1.0)
    assert (x @ weights + offsets).argmax(1).tolist() == [0, 0, 2, 2]


def test_patches_are_whitened_and_told_by_the_nearer_centroids() -> None:
    images = RNG.integers(0, 256, size=(30, 9, 9, 1)).astype(np.uint8)
    patches = Patches(images, centroids=5, edge=3, count=2000)
    found = patches(images[:4], batch=3)
    assert found.shape == (4, 20)
    # by hand: the first image's upper left place alone
    one = images[0, :3, :3, 0].astype(np.float64).ravel()
    one = (one - one.mean()) / np.sqrt(one.var() + 10)
    white = (one - patches.mean.numpy()) @ patches.whiten.numpy()
    distance = np.linalg.norm(white - patches.centroids.numpy(), axis=1)
    alone = patches(images[:1, :3, :3])
    wanted = np.maximum(distance.mean() - distance, 0)
    np.testing.assert_allclose(alone.reshape(5, 4).sum(1), wanted, rtol=1e-3, atol=1e-4)
