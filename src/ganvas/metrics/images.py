"""Scores of generated images in the features of one extractor, with what real images reach."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganvas.data.laws import REFERENCE_SEED
from ganvas.errors import UsageError
from ganvas.metrics import duplicates
from ganvas.metrics.diversity import mean_pairwise_distance, within_class_variance_ratio
from ganvas.metrics.extractor import Extractor, Images, Look, checked_images, extract
from ganvas.metrics.extractors import DIGIT_CLASSIFIER, Pixels, open_extractor
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.inception_score import class_shares, inception_score, mean_confidence
from ganvas.metrics.kid import SUBSETS, kernel_distance, subset_size
from ganvas.metrics.prdc import coverage, fitting, prdc
from ganvas.metrics.protocol import Protocol, Score, by_name, settings

Split = Literal["held-out", "train"]

NEIGHBOUR_LIMIT = 10_000
"""Images of a set that enter the neighbour measures, at most: their cost is quadratic."""

SPLITS = 10
"""Parts of the sample set for the Inception-type score."""

LISTED_CLASSES = 100
"""With more classes than these (ImageNet's, say) measures of single classes mean nothing."""


class ImageEvaluation:
    """The measures of one set of samples; features are computed once, when first needed.

    Real images that are not the reference play the perfect generator: as many of them as there are
    samples (or all, if fewer) give each score its floor.

    Args:
        samples: generated images, (N, H, W, C) uint8, in no order.
        train: training images, of the same shape.
        extractor: makes the features; its name and weights stand in every protocol.
        held_out: real images that were not trained on.
        against: the reference split; held-out images if there are any.
        data: name of the data set, for the protocol.
        neighbours: k of precision, recall, density and coverage; fewer if a set is too small.
        seed: with which the samples were drawn.
        device: on which the extractor's networks lie.
        batch: images passed through the extractor at once.

    Raises:
        UsageError: images of another type, shape or size, or a reference that is not there.
    """

    def __init__(
        self,
        samples: Images,
        train: Images,
        extractor: Extractor,
        *,
        held_out: Images | None = None,
        against: Split | None = None,
        data: str = "images",
        neighbours: int = 5,
        seed: int | None = None,
        device: str | torch.device = "cpu",
        batch: int = 250,
    ) -> None:
        self.extractor, self.neighbours, self.seed = extractor, neighbours, seed
        self._device, self._batch = device, batch
        for images in (samples, train) if held_out is None else (samples, train, held_out):
            if checked_images(images).shape[1:] != samples.shape[1:]:
                raise UsageError(
                    f"samples have shape {samples.shape[1:]}, real images {images.shape[1:]}: "
                    "they must be equal to be compared"
                )
        if against == "held-out" and held_out is None:
            raise UsageError("there are no held-out images to compare with; use against='train'")
        self.split: Split = against or ("train" if held_out is None else "held-out")
        self.samples, self._train, self._held_out = samples, train, held_out
        reference, real = (train, held_out) if self.split == "train" else (held_out, train)
        self._reference = _shuffled(train if reference is None else reference)
        self._real = None if real is None else _shuffled(real)[: len(samples)]
        self._data = data

    def _look(self, images: Images) -> Look:
        return extract(self.extractor, images, batch=self._batch, device=self._device)

    @cached_property
    def fake(self) -> Look:
        """Features (N, F) and probabilities of the samples."""
        return self._look(self.samples)

    @cached_property
    def reference(self) -> Look:
        """Features (M, F) and probabilities of the reference images, shuffled."""
        return self._look(self._reference)

    @cached_property
    def real(self) -> Look | None:
        """Features of the real images that play the perfect generator, at most N of them."""
        return None if self._real is None else self._look(self._real)

    def _score(
        self,
        metric: str,
        value: float,
        *,
        floor: float | None = None,
        spread: float | None = None,
        samples: int | None = None,
        reference: int = 0,
        extractor: Extractor | None = None,
        **options: object,
    ) -> Score:
        seen = extractor or self.extractor
        protocol = Protocol(
            metric=metric,
            extractor=seen.name,
            weights=seen.weights,
            samples=len(self.samples) if samples is None else samples,
            reference=f"{self._data}, {self.split}" if reference else "",
            reference_samples=reference,
            resize=seen.resize(*self.samples.shape[1:]),
            seed=self.seed,
            settings=settings(**options),
        )
        return Score(value=value, protocol=protocol, floor=floor, spread=spread)

    def distances(self) -> Iterator[Score]:
        """Yield Frechet and kernel distance from the reference."""
        x, y = self.fake.features, self.reference.features
        real = None if self.real is None else self.real.features
        floor = None if real is None else frechet_of_features(real, y)
        yield self._score("fid", frechet_of_features(x, y), floor=floor, reference=len(y))
        value, spread = kernel_distance(x, y)
        yield self._score(
            "kid",
            value,
            spread=spread,
            floor=None if real is None else kernel_distance(real, y).value,
            reference=len(y),
            subsets=SUBSETS,
            size=subset_size(len(x), len(y)),
        )

    def neighbourhoods(self) -> Iterator[Score]:
        """Yield precision, recall, density, coverage, and coverage over that of real images.

        ``coverage_ratio`` compares equally many samples and real images against the same
        reference: how much of what real images cover do the samples cover?
        """
        x, y = self._limited(self.fake), self._limited(self.reference)
        real = None if self.real is None else self._limited(self.real)
        k = fitting(self.neighbours, *(len(one) for one in (x, y, real) if one is not None))
        floors = {} if real is None else prdc(y, real, k)._asdict()
        for name, value in prdc(y, x, k)._asdict().items():
            floor = floors.get(name)
            yield self._score(name, value, floor=floor, samples=len(x), reference=len(y), k=k)
        if real is not None:
            n = min(len(x), len(real))
            ratio = coverage(y, x[:n], k) / max(floors["coverage"], 1 / len(y))
            yield self._score("coverage_ratio", ratio, floor=1.0, samples=n, reference=len(y), k=k)

    def diversity(self) -> Iterator[Score]:
        """Yield the mean distance between samples."""
        x = self._limited(self.fake)
        floor = None if self.real is None else mean_pairwise_distance(self._limited(self.real))
        yield self._score("diversity", mean_pairwise_distance(x), floor=floor, samples=len(x))

    def copies(self) -> Iterator[Score]:
        """Yield the share of samples nearer to a training image than real images are, in pixels."""
        if self._held_out is None:
            return
        pixels = Pixels()
        x, train, real = (
            extract(pixels, images, batch=self._batch).features
            for images in (self.samples, self._train, self._held_out)
        )
        yield self._score(
            "copy_share",
            duplicates.copy_share(x, train, real),
            floor=duplicates.QUANTILE,
            extractor=pixels,
            quantile=duplicates.QUANTILE,
            train=len(train),
            held_out=len(real),
        )

    def repeats(self) -> Iterator[Score]:
        """Yield duplicate rate and birthday estimate of the support, in pixels.

        Two samples are near-equal if nearer than all but 1 % of as many real images are.
        """
        pixels = Pixels()
        real = _shuffled(self._train)
        n = min(len(self.samples), len(real), NEIGHBOUR_LIMIT)
        x, y = (
            extract(pixels, images[:n], batch=self._batch).features
            for images in (self.samples, real)
        )
        border = duplicates.duplicate_border(y)
        found = {
            "duplicate_rate": duplicates.duplicate_rate(x, border),
            **_support(x, border),
        }
        floors = {"duplicate_rate": duplicates.QUANTILE, **_support(y, border)}
        for name, value in found.items():
            yield self._score(
                name,
                value,
                floor=floors[name],
                samples=n,
                extractor=pixels,
                quantile=duplicates.QUANTILE,
                real=f"{self._data}, train",
            )

    def classes(self, labels: Tensor | None = None) -> Iterator[Score]:
        """Yield Inception-type score, confidence and class shares; nothing without a classifier.

        Args:
            labels: (N,) classes that the samples were asked to show, in the classifier's own
                numbering; adds ``label_accuracy``.
        """
        p = self.fake.probabilities
        if p is None:
            return
        if labels is not None and labels.shape != (len(p),):
            raise UsageError(f"{len(p)} samples need as many labels, got {tuple(labels.shape)}")
        real = None if self.real is None else self.real.probabilities
        value, spread = inception_score(p, SPLITS)
        floor = None if real is None else inception_score(real, SPLITS).value
        yield self._score("is", value, spread=spread, floor=floor, splits=SPLITS)
        floor = None if real is None else mean_confidence(real)
        yield self._score("confidence", mean_confidence(p), floor=floor)
        if p.shape[1] <= LISTED_CLASSES:
            shares = class_shares(p)
            wanted = None if real is None else class_shares(real)
            floor = None if wanted is None else float(wanted.min())
            yield self._score("class_share_min", float(shares.min()), floor=floor)
            for label, share in enumerate(shares):
                floor = None if wanted is None else float(wanted[label])
                yield self._score(f"class_share_{label}", float(share), floor=floor)
        if labels is not None:
            hits = float((p.argmax(1) == labels.cpu()).double().mean())
            yield self._score("label_accuracy", hits)

    def variety_within_classes(self) -> Iterator[Score]:
        """Yield the variance of pixels within predicted classes over that of real images."""
        p, q = self.fake.probabilities, self.reference.probabilities
        if p is None or q is None or p.shape[1] > LISTED_CLASSES:
            return
        x, y = (
            extract(Pixels(), images, batch=self._batch).features
            for images in (self.samples, self._reference)
        )
        ratio = within_class_variance_ratio(x, p.argmax(1), y, q.argmax(1), p.shape[1])
        yield self._score("within_class_variance", ratio, floor=1.0, reference=len(y))

    def _limited(self, look: Look) -> Tensor:
        return look.features[:NEIGHBOUR_LIMIT]


def _support(features: Tensor, border: float) -> dict[str, float]:
    support = duplicates.birthday_support(features, border)
    return {"support": support.size, "support_low": support.low, "support_high": support.high}


def _shuffled(images: Images) -> Images:
    """Return the images in a fixed random order: files are often sorted by class."""
    rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
    return images[rng.permutation(len(images))]


def evaluate_images(
    samples: Images,
    train: Images,
    extractor: Extractor,
    *,
    held_out: Images | None = None,
    against: Split | None = None,
    data: str = "images",
    labels: Tensor | None = None,
    neighbours: int = 5,
    seed: int | None = None,
    device: str | torch.device = "cpu",
    batch: int = 250,
) -> dict[str, Score]:
    """Return every score of generated images, keyed by names such as ``fid[digit-classifier]``.

    Arguments and errors are those of `ImageEvaluation`; ``labels`` are the classes (N,) that the
    samples were asked to show, in the classifier's own numbering.
    """
    evaluation = ImageEvaluation(
        samples,
        train,
        extractor,
        held_out=held_out,
        against=against,
        data=data,
        neighbours=neighbours,
        seed=seed,
        device=device,
        batch=batch,
    )
    return by_name(
        [
            *evaluation.distances(),
            *evaluation.neighbourhoods(),
            *evaluation.diversity(),
            *evaluation.copies(),
            *evaluation.repeats(),
            *evaluation.classes(labels),
            *evaluation.variety_within_classes(),
        ]
    )


def digit_report(
    samples: Images,
    train: Images,
    test: Images,
    *,
    data: str = "digits",
    seed: int | None = None,
    device: str | torch.device = "cpu",
) -> dict[str, Score]:
    """Return the numbers by which a generator of grey digits is judged, by metric.

    Of most interest: ``class_share_min``, ``confidence``, ``coverage_ratio`` (coverage over that of
    equally many training digits against the same held-out ones), ``copy_share``, and
    ``within_class_variance``.
    """
    classifier = open_extractor(DIGIT_CLASSIFIER, channels=1, device=device)
    evaluation = ImageEvaluation(
        samples, train, classifier, held_out=test, data=data, seed=seed, device=device
    )
    scores = [
        *evaluation.classes(),
        *evaluation.neighbourhoods(),
        *evaluation.copies(),
        *evaluation.variety_within_classes(),
    ]
    return {score.protocol.metric: score for score in scores}
