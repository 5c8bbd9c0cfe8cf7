from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.data.packaged import digits8
from ganvas.errors import GanvasError, UsageError
from ganvas.metrics.extractors import DigitClassifier, Pixels
from ganvas.metrics.stacked import (
    NearestNeighbour,
    evaluate_stacked,
    mode_histogram,
    mode_index,
    predicted,
    stacked_digits,
)

TRIPLES = st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=50)


def test_mode_of_a_triple():
    assert mode_index([[1, 2, 3], [0, 0, 0], [9, 9, 9], [0, 4, 0]]).tolist() == [123, 0, 999, 40]


@given(TRIPLES, st.permutations(range(3)))
def test_permuting_channels_permutes_the_histogram(
    triples: list[tuple[int, int, int]], order: list[int]
):
    digits = np.array(triples)
    cube = mode_histogram(digits).reshape(10, 10, 10)
    permuted = mode_histogram(digits[:, order]).reshape(10, 10, 10)
    np.testing.assert_array_equal(permuted, cube.transpose(order))


@pytest.mark.parametrize("digits", [[[1, 2]], [[1, 2, 10]], [[-1, 0, 0]], [1, 2, 3]])
def test_what_is_no_triple_of_digits_is_refused(digits: list):
    with pytest.raises(UsageError, match="digits"):
        mode_index(digits)


@pytest.fixture(scope="module")
def small() -> tuple[np.ndarray, np.ndarray, NearestNeighbour]:
    items = digits8().splits["train"]
    return items.x, items["label"], NearestNeighbour(items.x, items["label"])


def test_nearest_neighbour_reaches_its_accuracy(small):
    images, labels, classifier = small
    assert classifier.accuracy >= 0.98
    assert np.array_equal(predicted(classifier, images), labels)  # it remembers all of these


def test_nearest_neighbour_refuses_what_it_cannot_tell_apart():
    rng = np.random.Generator(np.random.PCG64(0))
    noise = rng.integers(0, 256, (200, 8, 8, 1), dtype=np.uint8)
    with pytest.raises(GanvasError, match=r"required is >= 0\.98"):
        NearestNeighbour(noise, rng.integers(0, 10, 200))


def test_stacked_digits_are_read_channel_by_channel(small, rng: np.random.Generator):
    images, labels, classifier = small
    triples = rng.integers(len(images), size=(300, 3))
    stacked = np.moveaxis(images[triples, :, :, 0], 1, -1)
    np.testing.assert_array_equal(stacked_digits(stacked, classifier), labels[triples])
    scores = evaluate_stacked(stacked, classifier, seed=4)
    expected = np.unique(mode_index(labels[triples])).size
    found = scores["modes[nearest-neighbour]"]
    assert found.value == expected
    assert found.value == pytest.approx(found.floor, abs=25)
    assert found.protocol.weights == classifier.weights
    assert scores["kl_modes[nearest-neighbour]"].floor is not None


def test_one_stacked_image_covers_one_mode(small):
    images, _, classifier = small
    stacked = np.repeat(np.moveaxis(images[None, :3, :, :, 0], 1, -1), 50, axis=0)
    scores = evaluate_stacked(stacked, classifier)
    assert scores["modes[nearest-neighbour]"].value == 1
    assert scores["kl_modes[nearest-neighbour]"].value == pytest.approx(6.907755)


def test_stacked_mnist_digits_through_the_digit_classifier(
    classifier: DigitClassifier, real_digits
):
    _, _, images, labels = real_digits
    stacked = np.moveaxis(images[np.arange(300).reshape(100, 3), :, :, 0], 1, -1)
    wrong = stacked_digits(stacked, classifier) != labels[:300].reshape(100, 3)
    assert wrong.mean() < 0.02


def test_what_cannot_judge_is_refused(small):
    images, _, classifier = small
    with pytest.raises(UsageError, match="does not classify"):
        predicted(Pixels(), images)
    with pytest.raises(UsageError, match="3 channels"):
        stacked_digits(images[:2], classifier)
    with pytest.raises(UsageError, match="knows images"):
        stacked_digits(np.zeros((2, 28, 28, 3), np.uint8), classifier)
