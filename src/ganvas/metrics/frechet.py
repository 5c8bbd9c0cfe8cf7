"""Frechet distance of two Gaussians by eigen-decomposition in float64.

d^2 = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)

Dowson and Landau 1982; on image features: Heusel et al. 2017. The product C1 C2 is not symmetric
and its matrix square root is fragile. With C1 = A A' the trace equals that of (A' C2 A)^(1/2). This
argument is symmetric and positive semi-definite, so a symmetric eigenvalue routine gives it
without complex numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.moments import RunningMoments, moments_of
from ganvas.metrics.unmeasurable import UnmeasurableError

Floats = NDArray[np.float64]


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Return the squared Frechet distance, at least 0; means (F,), covariances (F, F).

    Rank-deficient covariances (fewer samples than features) are exact: the factor of the first
    keeps only the directions in which it varies.
    """
    m1, c1, m2, c2 = (_wide(tensor) for tensor in (mean1, cov1, mean2, cov2))
    if m1.shape != m2.shape or c1.shape != c2.shape or c1.shape != (len(m1), len(m1)):
        raise UsageError(
            f"means and covariances do not fit: {m1.shape}, {c1.shape} against {m2.shape}, "
            f"{c2.shape}"
        )
    if not all(np.isfinite(part).all() for part in (m1, c1, m2, c2)):
        raise UnmeasurableError("means or covariances are not finite")
    factor = _factor(c1)
    product = factor.T @ c2 @ factor
    root_trace = float(np.sqrt(np.linalg.eigvalsh(_symmetric(product)).clip(min=0)).sum())
    gap = float(np.square(m1 - m2).sum())
    return max(0.0, gap + float(np.trace(c1)) + float(np.trace(c2)) - 2 * root_trace)


def _wide(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().double().numpy()


def _symmetric(matrix: Floats) -> Floats:
    return (matrix + matrix.T) / 2


def _factor(covariance: Floats) -> Floats:
    """Return A of shape (F, rank) with A A' = covariance."""
    values, vectors = np.linalg.eigh(_symmetric(covariance))
    held = values > max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
    return vectors[:, held] * np.sqrt(values[held])


def frechet_of_moments(first: RunningMoments, second: RunningMoments) -> float:
    """Return the squared Frechet distance of two accumulated feature distributions."""
    return frechet_distance(first.mean, first.covariance, second.mean, second.covariance)


def frechet_of_features(first: Tensor, second: Tensor) -> float:
    """Return the squared Frechet distance of two feature sets, (N, F) and (M, F)."""
    return frechet_of_moments(moments_of(first), moments_of(second))
