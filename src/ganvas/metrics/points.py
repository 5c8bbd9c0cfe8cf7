"""Scores of generated points: against a law with known modes, or against given points."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ganvas.data.laws import REFERENCE_SEED, Law
from ganvas.errors import UsageError
from ganvas.metrics import modes
from ganvas.metrics.distances import mmd, wasserstein_assignment
from ganvas.metrics.floors import point_floors
from ganvas.metrics.measures import GRID_SAMPLES, TRANSPORT_SAMPLES, point_measures
from ganvas.metrics.prdc import fitting, prdc
from ganvas.metrics.protocol import Protocol, Score, settings

KERNEL_SAMPLES = 2_000
"""Samples on either side of the kernel discrepancy, at most."""


def evaluate_points(samples: ArrayLike, law: Law, seed: int | None) -> dict[str, Score]:
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
    scores = {
        name: Score(
            value=value, floor=floors[name].value, protocol=_law_protocol(name, law, n, seed)
        )
        for name, value in found.items()
    }
    excess = found["w1"] - floors["w1"].value
    protocol = _law_protocol("w1_excess", law, n, seed)
    return {**scores, "w1_excess": Score(value=excess, floor=0.0, protocol=protocol)}


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
    )


def evaluate_point_set(
    samples: ArrayLike,
    reference: ArrayLike,
    *,
    real: ArrayLike | None = None,
    reference_name: str = "train",
    neighbours: int = 5,
    seed: int | None = None,
) -> dict[str, Score]:
    """Return the scores of (N, d) points whose law is unknown against (M, d) reference points.

    Args:
        samples: generated points in data units.
        reference: real points, of split ``reference_name``.
        real: other real points, which play the perfect generator and set the floors.
        reference_name: data set and split, for the protocol.
        neighbours: k of precision, recall, density and coverage in plain coordinates; fewer if a
            set is too small.
        seed: with which the samples were drawn.

    Coordinates enter as they are: scale them first if their units differ.
    """
    y = np.asarray(reference, np.float64)
    if y.ndim != 2 or not np.isfinite(y).all():
        raise UsageError(f"reference points must be finite and of shape (M, d), got {y.shape}")
    x = modes.finite_points(samples, y.shape[1])
    fresh = None if real is None else modes.finite_points(real, y.shape[1])[: len(x)]
    k = fitting(neighbours, *(len(one) for one in (x, y, fresh) if one is not None))
    found = _set_measures(x, y, k)
    floors = {} if fresh is None else _set_measures(fresh, y, k)
    transport, kernel = _counts(x, y)
    used = {"w1": (transport, transport), "mmd": (kernel, kernel)}
    return {
        name: Score(
            value=value,
            floor=floors.get(name),
            protocol=Protocol(
                metric=name,
                samples=used.get(name, (len(x), len(y)))[0],
                reference=reference_name,
                reference_samples=used.get(name, (len(x), len(y)))[1],
                seed=seed,
                settings=() if name in used else settings(k=k),
            ),
        )
        for name, value in found.items()
    }


def _counts(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[int, int]:
    fewer = min(len(x), len(y))
    return min(fewer, TRANSPORT_SAMPLES), min(fewer, KERNEL_SAMPLES)


def _set_measures(
    x: NDArray[np.float64], y: NDArray[np.float64], neighbours: int
) -> dict[str, float]:
    transport, kernel = _counts(x, y)
    near = prdc(torch.from_numpy(y), torch.from_numpy(x), neighbours)
    return {
        "w1": wasserstein_assignment(x[:transport], y[:transport]),
        "mmd": mmd(x[:kernel], y[:kernel]),
        **near._asdict(),
    }
