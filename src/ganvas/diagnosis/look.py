"""What one look at a generator measures: coverage, variety, and how the discriminator judges.

All numbers have stable names, ``coverage/…`` and ``discriminator/…``, which `docs/diagnose.md`
explains; what they mean for a run is decided in `ganvas.diagnosis.verdicts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.choice import places
from ganvas.data.domain import Domain
from ganvas.data.items import Items
from ganvas.data.laws import Law
from ganvas.data.source import REFERENCE, Source, StackSource
from ganvas.errors import UsageError
from ganvas.metrics import modes
from ganvas.metrics.diversity import mean_pairwise_distance
from ganvas.metrics.duplicates import duplicate_border, duplicate_rate
from ganvas.metrics.extractor import Extractor, extract
from ganvas.metrics.extractors import default_extractor
from ganvas.metrics.floors import histogram_measures
from ganvas.metrics.inception_score import class_shares
from ganvas.metrics.measures import coverage_measures
from ganvas.metrics.prdc import expected_coverage, prdc
from ganvas.metrics.stacked import mode_histogram, stack_classifier, stacked_digits

LAW_SAMPLES = 2_500
"""Samples of a law with modes, as is customary (VEEGAN)."""

STACK_SAMPLES = 10_000
"""Stacked digits: the law itself covers all of the 1,000 modes with so many, 918 with 2,500."""

SET_SAMPLES = 1_000
"""Samples, and real items, where neighbours are compared: their cost is quadratic."""

HELD = 1 << 26
"""Numbers in a set of samples, at most: 256 MiB; fewer samples are drawn of larger images."""

NEIGHBOURS = 5
FEWEST = 100
"""A held-out split with fewer items is too small to compare with."""

TIED = 0.1
"""Where so many real items have exact copies, near copies among samples say nothing."""

LOGGED = ("modes", "modes_strict", "hq", "hq_cal", "kl_modes", "sigma_ratio")
"""Of the measures of a law, those that go into the log."""

Numbers = dict[str, float]


class Measure(Protocol):
    """Turns samples into numbers."""

    samples: int
    """How many samples it wants."""

    def __call__(self, samples: Tensor) -> Numbers:
        """Return the numbers of samples (N, *shape) in network units."""
        ...


def measure_of(source: Source, real: Items, device: torch.device) -> Measure:
    """Return the measure that fits the data; what it needs of real items is computed once."""
    spec, law = source.spec, source.law
    if law is not None and law.K:
        return Modes(law, spec.domain)
    if isinstance(source, StackSource):
        return Stacks(source, real, device)
    if spec.domain.grid:
        extractor = default_extractor(spec.name, channels=spec.shape[0], device=device)
        return Neighbourhood(real, spec.domain, extractor, device)
    return Neighbourhood(real, spec.domain)


class Modes:
    """Which modes of a known law are hit, how well, and how far samples are apart."""

    samples = LAW_SAMPLES

    def __init__(self, law: Law, domain: Domain) -> None:
        self._law, self._domain = law, domain
        reference, _ = law.reference(SET_SAMPLES)
        self._spread = mean_pairwise_distance(torch.from_numpy(reference))

    def __call__(self, samples: Tensor) -> Numbers:
        """Return mode counts, share of good samples, and variety."""
        points = self._domain.decode(samples)
        found = coverage_measures(points, self._law)
        near = modes.assign(points, self._law).nearest
        visited = np.bincount(near, minlength=self._law.K)
        spread = mean_pairwise_distance(torch.from_numpy(points[:SET_SAMPLES]))
        return _named(
            "coverage",
            {
                **{name: found[name] for name in LOGGED if name in found},
                "modes_near": float(modes.strictly_covered(visited, len(points))),
                "diversity": spread / self._spread,
            },
        )


class Stacks:
    """Which of the 1,000 modes of stacked digits are met, and how samples lie among real ones."""

    samples = STACK_SAMPLES

    def __init__(self, source: StackSource, real: Items, device: torch.device) -> None:
        self._domain = source.spec.domain
        extractor = default_extractor(source.spec.name, channels=3, device=device)
        self._around = Neighbourhood(real, self._domain, extractor, device)
        self._classifier = stack_classifier(source.digits["train"], device)

    def __call__(self, samples: Tensor) -> Numbers:
        """Return the numbers of a neighbourhood, and the modes of all samples."""
        numbers = self._around(samples[: self._around.samples])
        digits = stacked_digits(self._domain.decode(samples), self._classifier)
        found = histogram_measures(mode_histogram(digits))
        return numbers | _named("coverage", {k: found[k] for k in LOGGED if k in found})


class Neighbourhood:
    """How samples lie among real items, in coordinates or in the features of an extractor."""

    def __init__(
        self,
        real: Items,
        domain: Domain,
        extractor: Extractor | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._domain, self._extractor, self._device = domain, extractor, device
        self.samples = set_size(domain.shape)
        self._real, probabilities = self._see(real.x)
        self._shares = None if probabilities is None else class_shares(probabilities)
        self._spread = mean_pairwise_distance(self._real)
        self._k = min(NEIGHBOURS, len(self._real) - 1)
        self._border: float | None = duplicate_border(self._real)
        if duplicate_rate(self._real, self._border) > TIED:
            self._border = None

    def __call__(self, samples: Tensor) -> Numbers:
        """Return precision, recall, density and coverage, variety, near copies and classes."""
        fake, probabilities = self._see(self._domain.decode(samples))
        near = prdc(self._real, fake, self._k)
        possible = expected_coverage(len(self._real), len(fake), self._k)
        found = {**near._asdict(), "ratio": near.coverage / possible}
        if self._spread > 0:
            found["diversity"] = mean_pairwise_distance(fake) / self._spread
        if self._border is not None:
            # As many samples as real items: the border belongs to a set of that size.
            found["duplicates"] = duplicate_rate(fake[: len(self._real)], self._border)
        if probabilities is not None and self._shares is not None:
            found |= class_numbers(class_shares(probabilities), self._shares)
        return _named("coverage", found)

    def _see(self, x: NDArray[Any]) -> tuple[Tensor, Tensor | None]:
        if self._extractor is None:
            return self._domain.encode(x), None
        return extract(self._extractor, x, device=self._device)


def class_numbers(shares: Tensor, real: Tensor) -> Numbers:
    """Return how evenly samples fall into classes, from class shares (K,) of samples and of data.

    A class counts as covered by a fifth of the share that it has in the data.
    """
    wanted = real > 0
    covered = wanted & (shares >= modes.STRICT_SHARE * real)
    held = shares[shares > 0]
    entropy = -float((held * held.log()).sum())
    return {
        "classes": float(covered.sum()),
        "classes_missing": float((wanted & ~covered).sum()),
        "class_entropy": abs(entropy) / math.log(max(len(shares), 2)),
    }


def set_size(shape: Sequence[int]) -> int:
    """Return how many samples of this shape are compared with as many real items."""
    return min(SET_SAMPLES, max(HELD // math.prod(shape), FEWEST))


def preference(a: Tensor, b: Tensor) -> float:
    """Return P(a > b) for independent members of (N,) and (M,), ties counting half.

    The area under the receiver operating characteristic (Mann and Whitney 1947), exact.
    """
    ordered = b.double().sort().values
    x = a.double().contiguous()
    below = torch.searchsorted(ordered, x)
    upto = torch.searchsorted(ordered, x, right=True)
    return float((below + upto).double().mean()) / (2 * len(ordered))


def known_items(source: Source) -> dict[str, Items]:
    """Return up to 1,000 real items each, "held-out" first and "train", as far as there are any.

    A held-out split that is too small to compare with is left out.
    """
    found: dict[str, Items] = {}
    n = set_size(source.spec.shape)
    for split in ("test", REFERENCE):
        items = _finite_split(source, split)
        if items is not None and len(items) >= FEWEST and "held-out" not in found:
            found["held-out"] = items.rows(places(len(items), n))
    train = _finite_split(source, "train")
    return found if train is None else {**found, "train": train.rows(places(len(train), n))}


def _finite_split(source: Source, split: str) -> Items | None:
    """Return a whole split, or None where there is none or it is endless."""
    if split not in source.splits:
        return None
    try:
        return source.items(split)
    except UsageError:
        return None


def _named(group: str, numbers: Mapping[str, float]) -> Numbers:
    """Return finite numbers under their group's name: JSON has no word for the others."""
    return {
        f"{group}/{name}": round(value, 6)
        for name, value in numbers.items()
        if math.isfinite(value)
    }
