"""Mode coverage of stacked digits: three digits as the channels of one image, 1,000 modes.

Protocol of PacGAN (Lin et al. 2018): each channel is classified alone, by arg-max and without
rejection; every sample counts. A classifier that does not reach its accuracy refuses to judge.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ganvas.data.items import Items
from ganvas.data.records import LABEL
from ganvas.errors import UsageError
from ganvas.metrics.classifiers import refuse_below
from ganvas.metrics.digit_classifier import DigitNet
from ganvas.metrics.extractor import Extractor, Images, Look, checked_images, extract
from ganvas.metrics.extractors import DigitClassifier
from ganvas.metrics.floors import histogram_measures, stacked_floors
from ganvas.metrics.inception_score import predicted as most_probable
from ganvas.metrics.neighbours import nearest
from ganvas.metrics.protocol import Protocol, Score, Scores

Index = NDArray[np.int64]

NEIGHBOUR_ACCURACY = 0.98
"""Required of the nearest-neighbour classifier on a quarter of its images, held out."""


def mode_index(digits: ArrayLike) -> Index:
    """Return the mode 100a + 10b + c of each triple (a, b, c), (N,); digits of shape (N, 3)."""
    triples = np.asarray(digits, np.int64)
    if triples.ndim != 2 or triples.shape[1] != 3:
        raise UsageError(f"digits must have shape (N, 3), got {triples.shape}")
    if triples.size and not 0 <= triples.min() <= triples.max() <= 9:
        raise UsageError(f"digits must be 0 to 9, got {triples.min()} to {triples.max()}")
    return triples @ np.array([100, 10, 1])


def mode_histogram(digits: ArrayLike) -> Index:
    """Return how many of the (N, 3) triples fall into each of the 1,000 modes."""
    return np.bincount(mode_index(digits), minlength=1000)


class NearestNeighbour:
    """A deterministic classifier for small digits: the label of the nearest training image.

    Args:
        images: (N, H, W, 1) uint8, with known labels.
        labels: (N,) int64 in [0, K).
        required: accuracy that it must reach on every fourth image when the rest is its memory.

    Raises:
        GanvasError: it stays below that.
    """

    name = "nearest-neighbour"

    def __init__(
        self, images: Images, labels: ArrayLike, required: float = NEIGHBOUR_ACCURACY
    ) -> None:
        pixels = checked_images(images).reshape(len(images), -1)
        self._memory = torch.from_numpy(pixels.astype(np.float64) / 255)
        self._labels = torch.from_numpy(np.asarray(labels, np.int64))
        self._shape = images.shape[1:]
        self._classes = int(self._labels.max()) + 1
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
        held, kept = order[: len(order) // 4], order[len(order) // 4 :]
        found = self._labels[kept][nearest(self._memory[held], self._memory[kept])[1]]
        self.accuracy = float((found == self._labels[held]).double().mean())
        refuse_below(self.accuracy, required, "the nearest-neighbour classifier")
        digest = hashlib.sha256(pixels.tobytes() + self._labels.numpy().tobytes())
        self.weights = digest.hexdigest()

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return "none"; images of another size than the memory's are refused."""
        if (height, width, channels) != self._shape:
            raise UsageError(
                f"the nearest-neighbour classifier knows images of {self._shape}, "
                f"got {(height, width, channels)}"
            )
        return "none"

    def look(self, images: Tensor) -> Look:
        """Return pixels (N, F) and one-hot probabilities (N, K) of (N, 1, H, W) images."""
        pixels = images.flatten(1).double().cpu()
        labels = self._labels[nearest(pixels, self._memory)[1]]
        return Look(pixels, torch.nn.functional.one_hot(labels, self._classes).double())


def predicted(classifier: Extractor, images: Images) -> Index:
    """Return the most probable class of each (N, H, W, C) image, (N,).

    Raises:
        UsageError: the extractor does not classify.
        UnmeasurableError: some probabilities are not finite.
    """
    probabilities = extract(classifier, images, batch=2000).probabilities
    if probabilities is None:
        raise UsageError(f"extractor {classifier.name} does not classify; use one that does")
    return most_probable(probabilities).numpy()


def stack_classifier(digits: Items, device: torch.device | str = "cpu") -> Extractor:
    """Return what tells single digits apart: the shipped network, or neighbours of small ones.

    Args:
        digits: labelled training images of single digits, (N, H, W, 1).
        device: of the network.
    """
    if digits.x.shape[1] >= DigitNet.size or LABEL not in digits:
        return DigitClassifier(device=device)
    return NearestNeighbour(digits.x, digits[LABEL])


def stacked_digits(images: Images, classifier: Extractor) -> Index:
    """Return the digit shown by each channel, (N, 3), of (N, H, W, 3) uint8 images."""
    if checked_images(images).shape[3] != 3:
        raise UsageError(f"stacked digits have 3 channels, these images have {images.shape[3]}")
    channels = [predicted(classifier, images[..., c : c + 1]) for c in range(3)]
    return np.stack(channels, axis=1)


def evaluate_stacked(
    samples: Images,
    classifier: Extractor,
    *,
    data: str = "digits_stack",
    seed: int | None = None,
    shares: ArrayLike | None = None,
) -> Scores:
    """Return modes covered and divergences from uniform of (N, H, W, 3) uint8 images, by name.

    Args:
        samples: 26,000 are customary: with 2,500 even the true law covers only about 918 modes.
        classifier: of single digits; it must have passed its accuracy gate.
        data: name of the data set, for the protocol.
        seed: with which the samples were drawn.
        shares: class frequencies of the single digits for the floors, uniform if None.
    """
    found = histogram_measures(mode_histogram(stacked_digits(samples, classifier)))
    floors = stacked_floors(len(samples), shares)
    height, width, _ = samples.shape[1:]
    scores = [
        Score(
            value=value,
            floor=floors[name].value,
            protocol=Protocol(
                metric=name,
                extractor=classifier.name,
                weights=classifier.weights,
                samples=len(samples),
                reference=f"{data}, uniform over 1000 modes",
                resize=classifier.resize(height, width, 1),
                seed=seed,
            ),
        )
        for name, value in found.items()
    ]
    return Scores(scores)
