"""Points against the law that they are to follow: its modes are known."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import Items
from ganvas.data.laws import Law
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.metrics import modes
from ganvas.metrics.diversity import mean_pairwise_distance
from ganvas.metrics.kind import Measures, Numbers, Probe
from ganvas.metrics.measures import coverage_measures
from ganvas.metrics.neighbourhood import SET_SAMPLES
from ganvas.metrics.points import evaluate_points
from ganvas.metrics.protocol import Scores

LOGGED = ("modes", "modes_strict", "hq", "hq_cal", "kl_modes", "sigma_ratio")
"""Of the measures of modes, those that go into the log."""


class LawMeasures(Measures):
    """Coverage of modes, divergence on a grid, likelihood and transport."""

    kind: ClassVar[str] = "law"
    customary: ClassVar[tuple[int, ...]] = (2_500, 10_000)

    def __init__(self, source: Source, device: str | torch.device = "cpu") -> None:
        super().__init__(source, device)
        if source.law is None:
            raise UsageError(f"{source.spec.name} is measured as a law, and gives none")
        self.law = source.law

    def scores(self, x: AnyArray, labels: NDArray[np.int64] | None, seed: int) -> Scores:
        """Return every score that the law allows for points (N, D)."""
        del labels
        return evaluate_points(x, self.law, seed)

    def probe(self, real: Items) -> Probe:
        """Return what counts modes, if the law has some."""
        return ModeProbe(self.law, self.domain) if self.law.K else super().probe(real)

    def histogram(self, x: AnyArray) -> NDArray[np.int64]:
        """Return how many good points (N, D) each mode has, (K,)."""
        judge = modes.assign if self.law.noisy is None else modes.assign_shell
        return judge(x, self.law).counts


class ModeProbe:
    """Which modes of a known law are hit, how well, and how far samples are apart."""

    samples = 2_500  # as is customary (VEEGAN)

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
        return {
            **{name: found[name] for name in LOGGED if name in found},
            "modes_near": float(modes.strictly_covered(visited, len(points))),
            "diversity": spread / self._spread,
        }
