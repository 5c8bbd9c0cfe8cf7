"""All numbers of one set of points, bare: shared by the evaluation and by its floors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ganvas.data.choice import some
from ganvas.data.laws import Law
from ganvas.metrics import modes
from ganvas.metrics.distances import wasserstein_assignment

GRID_SAMPLES = 10_000
"""Samples on either side of the grid divergence, at most."""

TRANSPORT_SAMPLES = 2_000
"""Samples on either side of the exact transport, at most."""


def mode_measures(assignment: modes.Assignment, samples: int) -> dict[str, float]:
    """Return the numbers that follow from which samples hit which modes.

    Args:
        assignment: of all samples to the law's modes.
        samples: how many samples were drawn, N.
    """
    counts = assignment.counts
    return {
        "hq": 100.0 * float(assignment.good.mean()),
        "modes": float(modes.covered(counts)),
        "modes_strict": float(modes.strictly_covered(counts, samples)),
        "kl_modes": modes.kl_to_uniform(counts),
        "kl_corr": modes.kl_corrected(counts),
        "jsd_modes": modes.jsd_to_uniform(counts),
    }


def coverage_measures(samples: ArrayLike, law: Law) -> dict[str, float]:
    """Return the cheap coverage numbers of (N, d) samples, for use while training.

    A law whose noise leaves some coordinates free (``mix1200``) is judged on its shell; its literal
    ball of ten standard deviations, which no sample of the law itself hits, is ``hq10_literal``
    and ``modes_literal``.
    """
    n = len(np.asarray(samples))
    if law.noisy is None:
        return {
            **mode_measures(modes.assign(samples, law), n),
            "sigma_ratio": modes.sigma_ratio(samples, law),
        }
    shell = mode_measures(modes.assign_shell(samples, law), n)
    ball = modes.assign(samples, law, radius=10.0)
    literal = {
        "hq10_literal": 100.0 * float(ball.good.mean()),
        "modes_literal": float(modes.covered(ball.counts)),
    }
    return {"hq_cal": shell.pop("hq"), **shell, **literal}


def distance_measures(samples: ArrayLike, reference: ArrayLike, law: Law) -> dict[str, float]:
    """Return the distances of (N, d) samples from (M, d) reference samples of the law.

    At most 10,000 of each enter the grid divergence, at most 2,000 the transport.
    """
    x, y = np.asarray(samples, np.float64), np.asarray(reference, np.float64)
    found: dict[str, float] = {}
    if law.box is not None and law.dim in modes.GRID_CELLS:
        divergence = modes.jsd_grid(some(x, GRID_SAMPLES), some(y, GRID_SAMPLES), law.box)
        found |= {"jsd_grid": divergence, "jsd_grid_bits": divergence / math.log(2)}
    n = min(len(x), len(y), TRANSPORT_SAMPLES)
    found["w1"] = wasserstein_assignment(some(x, n), some(y, n))
    return found


def point_measures(samples: ArrayLike, reference: ArrayLike, law: Law) -> dict[str, float]:
    """Return every number that this law allows for (N, d) samples, by name."""
    points = modes.finite_points(samples, law.dim)
    found = coverage_measures(points, law) if law.K else {}
    if law.K and law.noisy is None:
        found["log_likelihood"] = modes.log_likelihood(points, law)
    return found | distance_measures(points, reference, law)
