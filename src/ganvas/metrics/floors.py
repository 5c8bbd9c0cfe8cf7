"""What a perfect generator scores: closed forms where there are some, simulation elsewhere.

No measure of a finite sample is at its ideal value even for the true law: 1.1 % of a planar
Gaussian lies beyond three standard deviations, and an even histogram of 26,000 draws over 1,000
modes has a divergence of 0.019 nats from uniform. A score better than its floor is an error.
"""

from __future__ import annotations

import math
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike

from ganvas.data.laws import Law
from ganvas.errors import UsageError
from ganvas.metrics import modes
from ganvas.metrics.measures import GRID_SAMPLES, point_measures
from ganvas.metrics.protocol import Estimate


def hq_floor(dim: int, radius: float = modes.RADIUS) -> float:
    """Return the percentage of a Gaussian within ``radius`` standard deviations.

    98.889 % in two dimensions, 97.071 % in three.
    """
    return 100.0 * modes.chi_square_cdf(radius**2, dim)


def expected_modes(modes_in_law: int, samples: int) -> float:
    """Return the expected number of modes hit by so many draws of a uniform law over K modes."""
    return modes_in_law * (1 - (1 - 1 / modes_in_law) ** samples)


def log_likelihood_floor(law: Law) -> float:
    """Return the expected log-density of the law's own samples, its modes being far apart."""
    return float(-law.dim / 2 - modes.log_volumes(law).mean()) - math.log(law.K)


def point_floors(law: Law, samples: int, repeats: int = 5) -> dict[str, Estimate]:
    """Return the value of each point measure for so many samples of the law itself.

    Mean and standard deviation over ``repeats`` independent sample sets against the fixed reference
    set; the mean is replaced by its closed form where there is one.
    """
    if samples < 2 or repeats < 2:
        raise UsageError(f"floors need 2 samples and 2 repeats or more, got {samples}, {repeats}")
    # Laws compare by identity and are cached by name, so this remembers each only once.
    return dict(_simulated(law, samples, repeats))


@lru_cache(maxsize=32)
def _simulated(law: Law, samples: int, repeats: int) -> tuple[tuple[str, Estimate], ...]:
    reference, _ = law.reference(GRID_SAMPLES)  # the evaluation's own, whatever the samples' number
    seeds = np.random.SeedSequence([crc32(law.name.encode()), samples]).spawn(repeats)
    draws = [law.sample(samples, np.random.Generator(np.random.PCG64(s)))[0] for s in seeds]
    found = [point_measures(points, reference, law) for points in draws]
    known = _closed_forms(law, samples)
    return tuple(
        (name, Estimate(known.get(name, float(np.mean(column))), float(np.std(column, ddof=1))))
        for name in found[0]
        for column in [[measures[name] for measures in found]]
    )


def _closed_forms(law: Law, samples: int) -> dict[str, float]:
    if law.K == 0 or law.noisy is not None:
        return {}
    hq = hq_floor(law.dim)
    return {
        "hq": hq,
        "modes": expected_modes(law.K, round(samples * hq / 100)),
        "kl_corr": 0.0,
        "sigma_ratio": 1.0,
        "log_likelihood": log_likelihood_floor(law),
    }


def stacked_floors(
    samples: int, shares: ArrayLike | None = None, digits: int = 3, repeats: int = 50
) -> dict[str, Estimate]:
    """Return the floors of stacked sets: modes hit and divergences from uniform.

    Args:
        samples: images drawn, N; each is one of 10^digits modes.
        shares: frequency of each class on every channel, uniform if None. Unequal class counts,
            as MNIST has, add a bias that no number of samples removes.
        digits: channels of an image.
        repeats: simulated sample sets.
    """
    channel = np.full(10, 0.1) if shares is None else np.asarray(shares, np.float64)
    law = channel = channel / channel.sum()
    for _ in range(digits - 1):
        law = np.multiply.outer(law, channel).ravel()
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([samples, len(law)])))
    found = [histogram_measures(rng.multinomial(samples, law)) for _ in range(repeats)]
    return {
        name: Estimate(float(np.mean(column)), float(np.std(column, ddof=1)))
        for name in found[0]
        for column in [[measures[name] for measures in found]]
    }


def histogram_measures(counts: ArrayLike) -> dict[str, float]:
    """Return the measures of a stacked set from its mode histogram, which counts every sample."""
    histogram = np.asarray(counts)
    return {
        "modes": float(modes.covered(histogram)),
        "modes_strict": float(modes.strictly_covered(histogram, int(histogram.sum()))),
        "kl_modes": modes.kl_to_uniform(histogram),
        "kl_corr": modes.kl_corrected(histogram),
        "jsd_modes": modes.jsd_to_uniform(histogram),
    }
