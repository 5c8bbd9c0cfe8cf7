"""Stacked digits: each triple of digits is one of 1,000 modes."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import Items
from ganvas.data.source import StackSource
from ganvas.metrics.extractor import Extractor
from ganvas.metrics.floors import histogram_measures
from ganvas.metrics.kind import Numbers, Probe
from ganvas.metrics.of.images import ImageMeasures
from ganvas.metrics.of.law import LOGGED
from ganvas.metrics.protocol import Scores
from ganvas.metrics.stacked import (
    evaluate_stacked,
    mode_histogram,
    stack_classifier,
    stacked_digits,
)


class StackMeasures(ImageMeasures):
    """Modes covered and divergences from uniform, by a classifier of single digits."""

    kind: ClassVar[str] = "stacks"
    customary: ClassVar[tuple[int, ...]] = (20_000, 26_000)

    @cached_property
    def classifier(self) -> Extractor:
        """What tells the single digits apart: the shipped network, or neighbours of small ones."""
        digits = cast(StackSource, self.source).digits["train"]
        return stack_classifier(digits, self.device)

    def scores(self, x: AnyArray, labels: NDArray[np.int64] | None, seed: int) -> Scores:
        """Return the scores of uint8 images (N, H, W, 3)."""
        del labels
        return evaluate_stacked(x, self.classifier, data=self.source.spec.name, seed=seed)

    def probe(self, real: Items) -> Probe:
        """Return what counts modes, and compares a part of the samples with real ones."""
        return StackProbe(super().probe(real), self.classifier, self.domain)

    def histogram(self, x: AnyArray) -> NDArray[np.int64]:
        """Return how many images (N, H, W, 3) show each of the 1,000 triples."""
        return mode_histogram(stacked_digits(x, self.classifier))


class StackProbe:
    """Which of the 1,000 modes of stacked digits are met, and how samples lie among real ones."""

    samples = 10_000  # the law itself covers all modes with so many, 918 with 2,500

    def __init__(self, around: Probe, classifier: Extractor, domain: Domain) -> None:
        self._around, self._classifier, self._domain = around, classifier, domain

    def __call__(self, samples: Tensor) -> Numbers:
        """Return the numbers of a neighbourhood, and the modes of all samples."""
        numbers = self._around(samples[: self._around.samples])
        digits = stacked_digits(self._domain.decode(samples), self._classifier)
        found = histogram_measures(mode_histogram(digits))
        return numbers | {name: found[name] for name in LOGGED if name in found}
