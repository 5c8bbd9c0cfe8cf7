"""Scores of generated images in the features of one extractor, with what real images reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ganvas.data.choice import CHOICE, places, some
from ganvas.errors import UsageError
from ganvas.metrics import copies, duplicates
from ganvas.metrics.diversity import mean_pairwise_distance, within_class_variance_ratio
from ganvas.metrics.extractor import (
    Extractor,
    Images,
    Look,
    Rows,
    checked_images,
    extract,
    look_through,
)
from ganvas.metrics.extractors import DIGIT_CLASSIFIER, Pixels, open_extractor
from ganvas.metrics.frechet import frechet_of_moments
from ganvas.metrics.inception_score import (
    class_shares,
    inception_score,
    mean_confidence,
    predicted,
)
from ganvas.metrics.kid import SUBSETS, kernel_distance, subset_size
from ganvas.metrics.moments import moments_of
from ganvas.metrics.prdc import coverage, fitting, prdc
from ganvas.metrics.protocol import Protocol, Score, Scores, floor_of, measured, settings
from ganvas.metrics.reference import KEPT, Reference
from ganvas.metrics.unmeasurable import broken_rows, require_finite

Split = Literal["held-out", "train"]

Measures = dict[tuple[str, ...], Callable[[], Iterator[Score]]]

COPIED = 1_000
"""Samples, and fresh images, of which it is told whether they are copies."""

COMPARED = 512
"""Training images that are compared with samples at once."""

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
        self._reference = train if reference is None else reference
        self._real, self._real_rows = real, places(0 if real is None else len(real), len(samples))
        self._data = data

    def _look(self, images: Images, rows: Rows | None = None) -> Look:
        return extract(self.extractor, images, rows=rows, batch=self._batch, device=self._device)

    @cached_property
    def fake(self) -> Look:
        """Features (N, F) and probabilities of the samples."""
        return self._look(self.samples)

    @cached_property
    def reference(self) -> Reference:
        """What is kept of the reference images."""
        return Reference(self.extractor, self._reference, self._batch, self._device)

    @cached_property
    def real(self) -> Look | None:
        """Features of the real images that play the perfect generator, at most N of them."""
        return None if self._real is None else self._look(self._real, self._real_rows)

    def _score(
        self,
        metric: str,
        value: float,
        *,
        floor: float | None = None,
        perfect: float | None = None,
        spread: float | None = None,
        samples: int | None = None,
        reference: int = 0,
        extractor: Extractor | None = None,
        **options: object,
    ) -> Score:
        """Return a score whose floor real images reach, or which is known to be ``perfect``."""
        seen = extractor or self.extractor
        n = len(self.samples) if samples is None else samples
        if n < len(self.samples) or 0 < reference < len(self._reference):
            options["choice"] = CHOICE
        if floor is not None and self._real is not None and len(self._real_rows) < n:
            options["floor_samples"] = len(self._real_rows)
        protocol = Protocol(
            metric=metric,
            extractor=seen.name,
            weights=seen.weights,
            samples=n,
            reference=f"{self._data}, {self.split}" if reference else "",
            reference_samples=reference,
            resize=seen.resize(*self.samples.shape[1:]),
            seed=self.seed,
            settings=settings(**options),
        )
        best = perfect if floor is None else floor
        return Score(value=value, protocol=protocol, floor=best, spread=spread)

    def _floor(self, measure: Callable[[Tensor], float]) -> float | None:
        """Return the measure of the real images' features (N, F), if there are enough of them."""
        real = self.real
        return None if real is None else floor_of(lambda: measure(real.features))

    def _names(self, *metrics: str) -> tuple[str, ...]:
        return tuple(f"{metric}[{self.extractor.name}]" for metric in metrics)

    def measures(self, labels: Tensor | None = None) -> Measures:
        """Return every measure by the names of its scores.

        Args:
            labels: (N,) classes that the samples were asked to show, in the classifier's own
                numbering; adds ``label_accuracy``.
        """
        near = ("precision", "recall", "density", "coverage", "coverage_ratio")
        repeats = ("duplicate_rate", "support", "support_low", "support_high")
        if labels is not None and labels.shape != (len(self.samples),):
            raise UsageError(
                f"{len(self.samples)} samples need as many labels, got {tuple(labels.shape)}"
            )
        return {
            self._names("fid"): self.frechet,
            self._names("kid"): self.kernel,
            self._names(*near[: None if self._real is not None else -1]): self.neighbourhoods,
            self._names("diversity"): self.diversity,
            (f"memorised[{Pixels.name}]",): self.memorised,
            (f"copy_share[{Pixels.name}]",): self.copies,
            tuple(f"{metric}[{Pixels.name}]" for metric in repeats): self.repeats,
            self._names("is"): self.inception,
            self._names("confidence", "class_share_min"): self.classes,
            self._names("label_accuracy"): lambda: self.obedience(labels),
            self._names("within_class_variance"): self.variety_within_classes,
        }

    def _compared(self) -> tuple[Tensor, Tensor]:
        """Return the features of samples (N, F) and of 10,000 of the reference, all finite."""
        self.reference.require_finite()
        return _finite(self.fake, "the samples"), self.reference.features

    def _fresh(self) -> Tensor | None:
        """Return features of real images for neighbour measures; None where they do not do."""
        real = None if self.real is None else some(self.real.features, KEPT)
        return None if real is None or len(real) < 2 or broken_rows(real) else real

    def frechet(self) -> Iterator[Score]:
        """Yield the Frechet distance from the reference."""
        x, _ = self._compared()
        reference = self.reference.moments

        def distance(features: Tensor) -> float:
            return frechet_of_moments(moments_of(features), reference)

        floor = self._floor(distance)
        yield self._score("fid", distance(x), floor=floor, reference=len(self.reference))

    def kernel(self) -> Iterator[Score]:
        """Yield the kernel distance from the reference."""
        x, y = self._compared()
        value, spread = kernel_distance(x, y)
        yield self._score(
            "kid",
            value,
            spread=spread,
            floor=self._floor(lambda real: kernel_distance(real, y).value),
            reference=len(y),
            subsets=SUBSETS,
            size=subset_size(len(x), len(y)),
        )

    def neighbourhoods(self) -> Iterator[Score]:
        """Yield precision, recall, density, coverage, and coverage over that of real images.

        ``coverage_ratio`` compares equally many samples and real images against the same
        reference: how much of what real images cover do the samples cover?
        """
        x, y = (some(features, KEPT) for features in self._compared())
        real = self._fresh()
        k = fitting(self.neighbours, *(len(one) for one in (x, y, real) if one is not None))
        floors = {} if real is None else prdc(y, real, k)._asdict()
        for name, value in prdc(y, x, k)._asdict().items():
            floor = floors.get(name)
            yield self._score(name, value, floor=floor, samples=len(x), reference=len(y), k=k)
        if real is not None:
            n = min(len(x), len(real))
            ratio = coverage(y, x[:n], k) / max(floors["coverage"], 1 / len(y))
            yield self._score(
                "coverage_ratio", ratio, perfect=1.0, samples=n, reference=len(y), k=k
            )

    def diversity(self) -> Iterator[Score]:
        """Yield the mean distance between samples."""
        x = some(_finite(self.fake, "the samples"), KEPT)
        value = mean_pairwise_distance(x)
        floor = self._floor(lambda real: mean_pairwise_distance(some(real, KEPT)))
        yield self._score("diversity", value, floor=floor, samples=len(x))

    def copies(self) -> Iterator[Score]:
        """Yield the share of samples nearer to a training image than real images are, in pixels."""
        if self._held_out is None:
            return
        pixels = Pixels()
        x, real = (
            extract(pixels, images, rows=places(len(images), KEPT)).features
            for images in (self.samples, self._held_out)
        )
        train = (look.features for look in look_through(pixels, self._train, batch=COMPARED))
        yield self._score(
            "copy_share",
            duplicates.copy_share(x, train, real),
            perfect=duplicates.QUANTILE,
            samples=len(x),
            extractor=pixels,
            quantile=duplicates.QUANTILE,
            train=len(self._train),
            held_out=len(real),
        )

    def memorised(self) -> Iterator[Score]:
        """Yield the share of samples that are copies of training images, in pixels.

        Its floor is that of held-out images, or of training images each left out in its turn.
        """
        pixels, train, fresh = Pixels(), self._train, self._held_out
        x, real = (
            extract(pixels, images, rows=places(len(images), COPIED)).features
            for images in (self.samples, train if fresh is None else fresh)
        )
        parts = (look.features for look in look_through(pixels, train, batch=COMPARED))
        found = copies.copies(x, parts, **{"left_out" if fresh is None else "held_out": real})
        yield self._score(
            "memorised",
            found.share,
            perfect=found.fresh,
            samples=len(x),
            extractor=pixels,
            train=len(train),
            **{"left_out" if fresh is None else "held_out": len(real)},
        )

    def repeats(self) -> Iterator[Score]:
        """Yield duplicate rate and birthday estimate of the support, in pixels.

        Two samples are near-equal if nearer than all but 1 % of as many real images are.
        """
        pixels = Pixels()
        n = min(len(self.samples), len(self._train), KEPT)
        x, y = (
            extract(pixels, images, rows=places(len(images), n), batch=self._batch).features
            for images in (self.samples, self._train)
        )
        border = duplicates.duplicate_border(y)
        found, floors = (_repeats(one, border) for one in (x, y))
        for name, value in found.items():
            yield self._score(
                name,
                value,
                perfect=floors[name],
                samples=n,
                extractor=pixels,
                quantile=duplicates.QUANTILE,
                real=f"{self._data}, train",
            )

    def inception(self) -> Iterator[Score]:
        """Yield the Inception-type score; nothing without a classifier."""
        p = self.fake.probabilities
        if p is None:
            return
        splits = min(SPLITS, len(p))
        value, spread = inception_score(p, splits)
        real = None if self.real is None else self.real.probabilities
        floor = None if real is None else floor_of(lambda: inception_score(real, splits).value)
        yield self._score("is", value, spread=spread, floor=floor, splits=splits)

    def classes(self) -> Iterator[Score]:
        """Yield confidence and class shares; nothing without a classifier."""
        p = self.fake.probabilities
        if p is None:
            return
        real = None if self.real is None else self.real.probabilities
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

    def obedience(self, labels: Tensor | None) -> Iterator[Score]:
        """Yield the share of samples classified as the (N,) labels that they were to show."""
        if labels is None or self.fake.probabilities is None:
            return
        hits = predicted(self.fake.probabilities) == labels.cpu()
        yield self._score("label_accuracy", float(hits.double().mean()))

    def variety_within_classes(self) -> Iterator[Score]:
        """Yield the variance of pixels within predicted classes over that of real images."""
        p, q = self.fake.probabilities, self.reference.probabilities
        if p is None or q is None or p.shape[1] > LISTED_CLASSES:
            return
        x, y = (
            (look.features for look in look_through(Pixels(), images, rows=rows, batch=COMPARED))
            for images, rows in ((self.samples, None), (self._reference, self.reference.order))
        )
        ratio = within_class_variance_ratio(x, predicted(p), y, predicted(q), p.shape[1])
        yield self._score(
            "within_class_variance", ratio, perfect=1.0, reference=len(self.reference)
        )


def _finite(look: Look, whose: str) -> Tensor:
    require_finite(look.features, f"features of {whose}")
    return look.features


def _repeats(features: Tensor, border: float) -> dict[str, float]:
    """Return how often items (N, F) have a near copy, and what that says about their support."""
    support = duplicates.birthday_support(features, border)
    return {
        "duplicate_rate": duplicates.duplicate_rate(features, border),
        "support": support.size,
        "support_low": support.low,
        "support_high": support.high,
    }


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
) -> Scores:
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
    return measured(evaluation.measures(labels))


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
        *evaluation.inception(),
        *evaluation.classes(),
        *evaluation.neighbourhoods(),
        *evaluation.copies(),
        *evaluation.variety_within_classes(),
    ]
    return {score.protocol.metric: score for score in scores}
