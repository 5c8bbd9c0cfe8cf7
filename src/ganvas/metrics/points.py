"""Scores of generated points: against a law with known modes, or against given points."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ganvas.data.choice import CHOICE, at_most, some
from ganvas.data.domain import AnyArray
from ganvas.data.laws import REFERENCE_SEED, Law
from ganvas.errors import UsageError
from ganvas.metrics import modes
from ganvas.metrics.copies import copies
from ganvas.metrics.distances import mmd, wasserstein_assignment
from ganvas.metrics.floors import point_floors
from ganvas.metrics.measures import GRID_SAMPLES, TRANSPORT_SAMPLES, point_measures
from ganvas.metrics.prdc import Prdc, fitting, prdc
from ganvas.metrics.protocol import Protocol, Score, Scores, floor_of, measured, settings

Floats = NDArray[np.float64]

COPIED = 1_000
"""Samples, and fresh points, of which it is told whether they are copies."""

KERNEL_SAMPLES = 2_000
"""Samples on either side of the kernel discrepancy, at most."""

REFERENCE_SAMPLES = 10_000
"""Reference points, at most: neighbours cost the product of both numbers."""


def evaluate_points(samples: ArrayLike, law: Law, seed: int | None) -> Scores:
    """Return every score that the law allows for (N, d) samples in data units, by name.

    Args:
        samples: as drawn, in no order; 2,500 and 10,000 are the customary counts.
        law: the true law; its fixed reference set serves the grid divergence and the transport.
        seed: with which the samples were drawn; it becomes part of the protocol.

    Each score carries as its floor what so many samples of the law itself reach. ``w1_excess`` is
    the transport distance less that floor.

    Raises:
        GanvasError: some samples are not finite.
        UsageError: another dimension than the law's, or fewer than two samples.
    """
    points = modes.finite_points(samples, law.dim)
    n = len(points)
    floors = point_floors(law, n)
    reference, _ = law.reference(GRID_SAMPLES)
    found = point_measures(points, reference, law)
    scores = [
        Score(value=value, floor=floors[name].value, protocol=_law_protocol(name, law, n, seed))
        for name, value in found.items()
    ]
    excess = found["w1"] - floors["w1"].value
    protocol = _law_protocol("w1_excess", law, n, seed)
    return Scores([*scores, Score(value=excess, floor=0.0, protocol=protocol)])


def _law_protocol(name: str, law: Law, samples: int, seed: int | None) -> Protocol:
    used = {
        "jsd_grid": GRID_SAMPLES,
        "jsd_grid_bits": GRID_SAMPLES,
        "w1": TRANSPORT_SAMPLES,
        "w1_excess": TRANSPORT_SAMPLES,
    }.get(name)
    return Protocol(
        metric=name,
        samples=min(samples, used or samples),
        reference=f"{law.name}, seed {REFERENCE_SEED}" if used else law.name,
        reference_samples=min(samples, used) if used == TRANSPORT_SAMPLES else used or 0,
        seed=seed,
        settings=settings(choice=CHOICE) if used and samples > used else (),
    )


def evaluate_point_set(
    samples: ArrayLike,
    reference: ArrayLike,
    *,
    real: ArrayLike | None = None,
    reference_name: str = "train",
    neighbours: int = 5,
    seed: int | None = None,
    vectors: Callable[[AnyArray], AnyArray] | None = None,
    units: str = "",
) -> Scores:
    """Return the scores of (N, d) points whose law is unknown against (M, d) reference points.

    Args:
        samples: generated points in data units.
        reference: real points, of split ``reference_name``; at most 10,000 of them enter.
        real: other real points, which play the perfect generator and set the floors.
        reference_name: data set and split, for the protocol.
        neighbours: k of precision, recall, density and coverage; fewer if a set is too small.
        seed: with which the samples were drawn.
        vectors: turns items (N, …) into the points that are compared; they may then come as they
            are. None: they are points, compared as they are.
        units: what these are divided by, for the protocol.
    """
    known = np.asarray(reference)
    chosen = at_most(known, REFERENCE_SAMPLES)
    y = np.asarray(chosen if vectors is None else vectors(chosen), np.float64)
    if y.ndim != 2 or not np.isfinite(y).all():
        raise UsageError(f"reference points must be finite and of shape (M, d), got {y.shape}")

    def pointed(items: AnyArray) -> Floats:
        return modes.finite_points(items if vectors is None else vectors(items), y.shape[1])

    x = pointed(np.asarray(samples))
    fresh = None if real is None else pointed(some(np.asarray(real), len(x)))
    train = y if real is None else pointed(at_most(np.asarray(real), REFERENCE_SAMPLES))
    evaluation = _SetEvaluation(
        x, y, fresh, train, neighbours, reference_name, seed, len(known) > len(y), units
    )
    return measured(
        {
            ("w1",): lambda: evaluation.paired("w1", wasserstein_assignment, TRANSPORT_SAMPLES),
            ("mmd",): lambda: evaluation.paired("mmd", mmd, KERNEL_SAMPLES),
            Prdc._fields: evaluation.near,
            ("memorised",): evaluation.memorised,
        }
    )


class _SetEvaluation:
    """The measures of points (N, d) against reference points (M, d).

    Args:
        samples: generated points.
        reference: real points.
        fresh: other real points, at most N of them, for the floors.
        train: those that were trained on: the reference itself where there are no others.
        neighbours: k, at most.
        name: data set and split of the reference.
        seed: with which the samples were drawn.
        among_more: whether the reference points were chosen among more.
        units: what the coordinates were divided by, in words.
    """

    def __init__(
        self,
        samples: Floats,
        reference: Floats,
        fresh: Floats | None,
        train: Floats,
        neighbours: int,
        name: str,
        seed: int | None,
        among_more: bool = False,
        units: str = "",
    ) -> None:
        self.x, self.y, self.fresh, self.train = samples, reference, fresh, train
        sets = [samples, reference]
        if fresh is not None and len(fresh) > 1:
            sets.append(fresh)
        self._k = fitting(neighbours, *map(len, sets))
        self._name, self._seed = name, seed
        self._among_more, self._units = among_more, units

    def paired(
        self, name: str, measure: Callable[[Floats, Floats], float], most: int
    ) -> Iterator[Score]:
        """Yield a distance of equally many points, at most so many, on either side."""

        def of(points: Floats) -> float:
            n = min(len(points), len(self.y), most)
            return measure(some(points, n), some(self.y, n))

        fresh = self.fresh
        floor = None if fresh is None else floor_of(lambda: of(fresh))
        n = min(len(self.x), len(self.y), most)
        yield self._score(name, of(self.x), floor, n, n)

    def near(self) -> Iterator[Score]:
        """Yield precision, recall, density and coverage."""
        y, n = torch.from_numpy(self.y), len(self.x)
        floors: dict[str, float] = {}
        if self.fresh is not None and len(self.fresh) > 1:
            floors = prdc(y, torch.from_numpy(self.fresh), self._k)._asdict()
        for name, value in prdc(y, torch.from_numpy(self.x), self._k)._asdict().items():
            yield self._score(name, value, floors.get(name), n, len(y), k=self._k)

    def memorised(self) -> Iterator[Score]:
        """Yield the share of samples that are copies of points that were trained on.

        Its floor is that of the reference, each left out in its turn if it was trained on itself.
        """
        sets = (some(self.x, COPIED), some(self.y, COPIED), self.train)
        x, fresh, train = (torch.from_numpy(points) for points in sets)
        own = self.train is self.y
        found = copies(x, train, **{"left_out" if own else "held_out": fresh})
        yield self._score("memorised", found.share, found.fresh, len(x), len(fresh))

    def _score(
        self,
        name: str,
        value: float,
        floor: float | None,
        samples: int,
        reference: int,
        **options: object,
    ) -> Score:
        if self._units:
            options["units"] = self._units
        if self._among_more or samples < len(self.x) or reference < len(self.y):
            options["choice"] = CHOICE
        if self.fresh is not None and len(self.fresh) < samples:
            options["floor_samples"] = len(self.fresh)
        protocol = Protocol(
            metric=name,
            samples=samples,
            reference=self._name,
            reference_samples=reference,
            seed=self._seed,
            settings=settings(**options),
        )
        return Score(value=value, floor=floor, protocol=protocol)
