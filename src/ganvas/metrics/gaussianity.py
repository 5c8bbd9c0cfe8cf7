"""Do encoded data look like the prior? VEEGAN's figure 1a as numbers."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ganvas.data.choice import some
from ganvas.errors import UsageError
from ganvas.metrics.distances import mmd
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite

Floats = NDArray[np.float64]
KERNEL_SAMPLES = 1_000

GAUSSIANITY = ("latent_mean", "latent_covariance", "latent_ks", "latent_mmd")
"""The numbers that `gaussianity` returns."""


def gaussianity(codes: ArrayLike, seed: int = 0) -> dict[str, float]:
    """Return how far codes (N, K) are from independent standard normal numbers.

    ``latent_mean``: root mean square of the coordinates' means; ``latent_covariance``: the same of
    the covariance's difference from the identity; ``latent_ks``: the largest Kolmogorov–Smirnov
    distance of a coordinate; ``latent_mmd``: the kernel discrepancy from as many normal numbers,
    of at most 1,000 codes. All are 0 for the prior itself and infinitely many codes.

    Raises:
        UsageError: other than (N, K).
        UnmeasurableError: fewer than two codes, or some are not finite.
    """
    z: Floats = np.asarray(codes, np.float64)
    if z.ndim != 2:
        raise UsageError(f"codes must have shape (N, K), got {z.shape}")
    if len(z) < 2:
        raise UnmeasurableError(f"2 codes or more are needed, got {len(z)}")
    require_finite(z, "codes")
    mean: Floats = z.mean(0)
    centred: Floats = z - mean
    covariance: Floats = centred.T @ centred / (len(z) - 1) - np.eye(z.shape[1])
    distances = [_ks(z[:, k]) for k in range(z.shape[1])]
    chosen = some(z, KERNEL_SAMPLES)
    normal = np.random.Generator(np.random.PCG64(seed)).standard_normal(chosen.shape)
    return {
        "latent_mean": float(np.sqrt(np.mean(mean**2))),
        "latent_covariance": float(np.sqrt(np.mean(covariance**2))),
        "latent_ks": max(distances),
        "latent_mmd": mmd(chosen, normal),
    }


def _ks(values: Floats) -> float:
    """Return the largest distance between the values' distribution function and the normal one."""
    ordered = np.sort(values)
    levels = scipy.special.ndtr(ordered)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps[1:] - levels), np.max(levels - steps[:-1])))
