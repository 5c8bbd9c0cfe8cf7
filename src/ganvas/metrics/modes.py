"""Coverage of a law whose modes are known: which modes are hit, how evenly, how well.

Definitions follow the mode-coverage literature: VEEGAN (Srivastava et al. 2017) for modes and
high-quality samples, PacGAN (Lin et al. 2018) for the reverse KL divergence, DIW-GAN for the
Jensen-Shannon divergence on a grid. Distances from a mode are measured in that mode's own standard
deviations (Mahalanobis). Logarithms are natural.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ganvas.data.laws import Law
from ganvas.errors import GanvasError, UsageError
from ganvas.metrics.distances import js_divergence
from ganvas.metrics.unmeasurable import broken_rows

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

RADIUS = 3.0
"""A sample is of high quality within so many standard deviations of a mode, border included."""

STRICT_SHARE = 0.2
"""A mode is strictly covered by at least this share of its fair number of samples, N/K."""

GRID_CELLS = {1: 200, 2: 50, 3: 12}
"""Cells along each axis of the evaluation box, by dimension, for the grid divergence."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which mode each sample belongs to.

    Attributes:
        modes: number of modes, K.
        nearest: (N,) nearest mode of each sample; of equally near ones the lowest.
        distance: (N,) distance to it in standard deviations.
        good: (N,) whether the sample is of high quality.
    """

    modes: int
    nearest: Index
    distance: Floats
    good: NDArray[np.bool_]

    @property
    def counts(self) -> Index:
        """High-quality samples of each mode, (K,)."""
        return np.bincount(self.nearest[self.good], minlength=self.modes)


def finite_points(samples: ArrayLike, dim: int) -> Floats:
    """Return the samples as (N, dim) float64.

    Raises:
        UsageError: another shape.
        GanvasError: some coordinates are not finite.
    """
    points = np.asarray(samples, np.float64)
    if points.ndim != 2 or points.shape[1] != dim or len(points) == 0:
        raise UsageError(f"samples must have shape (N, {dim}) with N > 0, got {points.shape}")
    if broken := broken_rows(points):
        raise GanvasError(
            f"samples are not finite {broken}, so nothing can be measured: the run has diverged; "
            "resume from an earlier checkpoint or lower the rate"
        )
    return points


def whitened(points: Floats, law: Law, mode: int) -> Floats:
    """Return (points - centre) in units of the mode's standard deviations, (N, d)."""
    residual = points - law.centres[mode]
    if law.factors is not None:
        return cast(Floats, np.linalg.solve(law.factors[mode], residual.T)).T
    return residual / law.sigma


def mode_distances(points: Floats, law: Law) -> Floats:
    """Return the Mahalanobis distance of each point to each mode, (N, K)."""
    rho = np.empty((len(points), law.K))
    for mode in range(law.K):
        rho[:, mode] = np.linalg.norm(whitened(points, law, mode), axis=1)
    return rho


def assign(samples: ArrayLike, law: Law, radius: float = RADIUS) -> Assignment:
    """Assign (N, d) samples to the law's modes; high quality means within ``radius``, inclusive."""
    _require_modes(law)
    rho = mode_distances(finite_points(samples, law.dim), law)
    nearest = rho.argmin(axis=1)
    distance = rho[np.arange(len(rho)), nearest]
    return Assignment(law.K, nearest, distance, distance <= radius)


def assign_shell(samples: ArrayLike, law: Law) -> Assignment:
    """Assign samples of a law whose noise fills only its first ``law.noisy`` coordinates.

    In many dimensions the noise lies on a thin shell: its norm is sqrt(n) +- 0.707 standard
    deviations, so a ball of three of them around a centre holds no sample at all. Here a sample is
    of high quality if the norm of its noisy part lies within three shell widths, [24.33, 28.57]
    for n = 700, and the others stay within 0.25 of their mode in root mean square.
    """
    _require_modes(law)
    if law.noisy is None or law.sigma is None:
        raise UsageError(f"law {law.name} has noise in all coordinates; use `assign` for it")
    points = finite_points(samples, law.dim)
    nearest = mode_distances(points, law).argmin(axis=1)
    residual = points - law.centres[nearest]
    norm = np.linalg.norm(residual[:, : law.noisy], axis=1) / law.sigma
    tail = np.sqrt(np.mean(residual[:, law.noisy :] ** 2, axis=1))
    on_shell = np.abs(norm - math.sqrt(law.noisy)) <= RADIUS * math.sqrt(0.5)
    return Assignment(law.K, nearest, norm, on_shell & (tail <= 0.25))


def _require_modes(law: Law) -> None:
    if law.K == 0:
        raise UsageError(f"law {law.name} has no modes to count; measure its distances instead")


def covered(counts: ArrayLike) -> int:
    """Return how many modes have at least one sample; counts of shape (K,)."""
    return int(np.count_nonzero(np.asarray(counts)))


def strictly_covered(counts: ArrayLike, samples: int) -> int:
    """Return how many modes have at least max(1, 0.2 N/K) samples, N counting all samples drawn."""
    histogram = np.asarray(counts)
    least = max(1.0, STRICT_SHARE * samples / len(histogram))
    return int((histogram >= least).sum())


def kl_to_uniform(counts: ArrayLike) -> float:
    """Return KL(histogram || uniform) over K modes in nats, in [0, ln K]; NaN without samples."""
    histogram = np.asarray(counts, np.float64)
    total = histogram.sum()
    if total == 0:
        return math.nan
    share = histogram[histogram > 0] / total
    return max(0.0, float(np.sum(share * np.log(share * len(histogram)))))


def kl_corrected(counts: ArrayLike) -> float:
    """Return the divergence from uniform less its bias (K - 1) / 2N, N being the samples counted.

    The bias is that of a finite sample of the uniform law (Miller and Madow), so even draws score
    0 on average and a single sample set may score slightly below.
    """
    histogram = np.asarray(counts, np.float64)
    total = histogram.sum()
    return kl_to_uniform(histogram) - (len(histogram) - 1) / (2 * total) if total else math.nan


def jsd_to_uniform(counts: ArrayLike) -> float:
    """Return the Jensen-Shannon divergence of the mode histogram from uniform in nats."""
    histogram = np.asarray(counts, np.float64)
    return js_divergence(histogram, np.ones_like(histogram)) if histogram.sum() else math.nan


def jsd_grid(x: ArrayLike, y: ArrayLike, box: Floats, cells: int | None = None) -> float:
    """Return the Jensen-Shannon divergence of two samples (n, d) on a grid over the box, in nats.

    The box (d, 2) is cut into ``cells`` per axis (200, 50 or 12 in one, two or three dimensions);
    one more cell holds all that lies outside.
    """
    dim = len(box)
    if cells is None and dim not in GRID_CELLS:
        raise UsageError(f"the grid divergence is for 1 to 3 dimensions, this box has {dim}")
    per_axis = cells or GRID_CELLS[dim]
    histograms = [_grid_counts(finite_points(points, dim), box, per_axis) for points in (x, y)]
    return js_divergence(histograms[0], histograms[1])


def _grid_counts(points: Floats, box: Floats, cells: int) -> Index:
    """Return the counts of all cells and, last, of the outside; the upper border counts as in."""
    scaled = (points - box[:, 0]) / (box[:, 1] - box[:, 0])
    inside = ((scaled >= 0) & (scaled <= 1)).all(axis=1)
    cell = np.minimum((scaled[inside] * cells).astype(np.int64), cells - 1)
    size = cells ** len(box)
    flat = np.full(len(points), size)
    flat[inside] = np.ravel_multi_index(tuple(cell.T), (cells,) * len(box))
    return np.bincount(flat, minlength=size + 1)


def sigma_ratio(samples: ArrayLike, law: Law) -> float:
    """Return the spread within modes over that of the law, averaged over the modes hit.

    For the samples within three standard deviations of mode k, the root mean square of their
    whitened deviations from the *true* centre, over all axes, is divided by what the law itself
    gives under the same cut. 1 is right, below is too narrow, above is too wide or off-centre.
    NaN if no sample is of high quality.
    """
    assignment = assign(samples, law)
    points = np.asarray(samples, np.float64)
    expected = truncated_variance(law.dim)
    ratios: list[float] = []
    for mode in range(law.K):
        chosen = assignment.good & (assignment.nearest == mode)
        if chosen.any():
            variance = float(np.mean(whitened(points[chosen], law, mode) ** 2))
            ratios.append(math.sqrt(variance / expected))
    return float(np.mean(ratios)) if ratios else math.nan


def log_likelihood(samples: ArrayLike, law: Law) -> float:
    """Return the mean log-density of (N, d) samples under the law, in nats.

    Raises:
        UsageError: the law has no density (no noise in some coordinates) or no modes.
    """
    _require_modes(law)
    if law.noisy is not None:
        raise UsageError(f"law {law.name} has no density: some of its coordinates carry no noise")
    rho = mode_distances(finite_points(samples, law.dim), law)
    logs = -0.5 * rho**2 - log_volumes(law)
    return float(np.mean(cast(Floats, scipy.special.logsumexp(logs, axis=1)))) - math.log(law.K)


def log_volumes(law: Law) -> Floats:
    """Return the log normalising constant of each mode's Gaussian, (K,)."""
    if law.factors is not None:
        scales: Floats = np.linalg.slogdet(law.factors)[1]
    else:
        scales = np.full(law.K, law.dim * math.log(law.sigma or 1.0))
    return scales + 0.5 * law.dim * math.log(2 * math.pi)


def chi_square_cdf(x: float, dim: int) -> float:
    """Return P(chi^2_dim <= x), a regularised incomplete gamma function."""
    return float(scipy.special.gammainc(dim / 2, x / 2))


def truncated_variance(dim: int, radius: float = RADIUS) -> float:
    """Return the variance per axis of a standard normal in ``dim`` axes cut at norm ``radius``.

    E[u_1^2 | |u| <= r] = P(chi^2_(d+2) <= r^2) / P(chi^2_d <= r^2).
    """
    return chi_square_cdf(radius**2, dim + 2) / chi_square_cdf(radius**2, dim)
