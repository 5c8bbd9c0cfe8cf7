"""Exact distances between distributions: discrete, one-dimensional, small samples, Gaussians.

These are the references against which learnt estimates are tested (Arjovsky, Chintala and Bottou
2017, "Wasserstein GAN", section 2). Logarithms are natural.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import scipy
import torch
from numpy.typing import ArrayLike, NDArray

from ganvas.errors import UsageError
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[Floats, Floats]:
    """Return two mass functions on the same support, each summing to one."""
    first, second = np.asarray(p, np.float64), np.asarray(q, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise UsageError(
            f"two mass functions on one support are needed, got shapes {first.shape} "
            f"and {second.shape}"
        )
    for mass in (first, second):
        if (mass < 0).any() or not mass.sum() > 0:
            raise UsageError("a mass function needs non-negative entries and a positive sum")
    return first / first.sum(), second / second.sum()


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """Return sup_A |P(A) - Q(A)|, half the L1 distance, in [0, 1]; p and q of shape (K,)."""
    first, second = _pair(p, q)
    return 0.5 * float(np.abs(first - second).sum())


def kl_divergence(p: ArrayLike, q: ArrayLike) -> float:
    """Return KL(P || Q) in nats for masses (K,); infinite where only P has mass."""
    first, second = _pair(p, q)
    held = first > 0
    if (second[held] == 0).any():
        return math.inf
    return max(0.0, float(np.sum(first[held] * np.log(first[held] / second[held]))))


def js_divergence(p: ArrayLike, q: ArrayLike) -> float:
    """Return the Jensen-Shannon divergence in nats, in [0, ln 2]; p and q of shape (K,).

    With the factor one half on both terms: the paper's definition leaves it out, but its Example 1
    (ln 2 for disjoint supports) and its bound on the GAN loss both need it.
    """
    first, second = _pair(p, q)
    middle = (first + second) / 2
    return 0.5 * kl_divergence(first, middle) + 0.5 * kl_divergence(second, middle)


def earth_mover(p: ArrayLike, q: ArrayLike, cost: ArrayLike) -> float:
    """Return the cheapest transport from P (m,) to Q (n,) under a cost matrix (m, n).

    Solved exactly as a linear programme; meant for supports of up to a few hundred points.
    """
    prices = np.asarray(cost, np.float64)
    return max(0.0, float(np.sum(transport_plan(p, q, prices) * prices)))


def transport_plan(p: ArrayLike, q: ArrayLike, cost: ArrayLike) -> Floats:
    """Return a cheapest plan (m, n) from P (m,) to Q (n,), both scaled to sum to one."""
    prices = np.asarray(cost, np.float64)
    m, n = prices.shape
    source = np.asarray(p, np.float64) / np.sum(p)
    target = np.asarray(q, np.float64) / np.sum(q)
    if source.shape != (m,) or target.shape != (n,):
        raise UsageError(
            f"masses of shapes {source.shape} and {target.shape} do not fit a cost of {m} x {n}"
        )
    leaving: Any = scipy.sparse.kron(scipy.sparse.eye_array(m), np.ones((1, n)))
    arriving: Any = scipy.sparse.kron(np.ones((1, m)), scipy.sparse.eye_array(n))
    margins = cast(Any, scipy.sparse).vstack([leaving, arriving]).tocsr()
    found: Any = scipy.optimize.linprog(
        prices.ravel(),
        A_eq=margins[:-1],  # one equation follows from the others
        b_eq=np.concatenate([source, target])[:-1],
    )
    return np.asarray(found.x, np.float64).reshape(m, n)


def wasserstein_1d(x: ArrayLike, y: ArrayLike) -> float:
    """Return W1 of two samples of numbers, (n,) and (m,), as the area between their quantiles."""
    for side in (x, y):
        require_finite(np.ravel(side), "samples")
    first, second = np.sort(np.ravel(x).astype(np.float64)), np.sort(np.ravel(y).astype(np.float64))
    if len(first) == len(second):
        return float(np.abs(first - second).mean())
    merged = np.sort(np.concatenate([first, second]))
    below_first = np.searchsorted(first, merged[:-1], side="right") / len(first)
    below_second = np.searchsorted(second, merged[:-1], side="right") / len(second)
    return float(np.sum(np.abs(below_first - below_second) * np.diff(merged)))


def wasserstein_assignment(x: ArrayLike, y: ArrayLike) -> float:
    """Return W1 of two samples (n, d) of equal size by an exact assignment, O(n^3); n <= 3,000.

    Euclidean ground distance; at n = 2,000 about half a second.
    """
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if first.shape != second.shape or first.ndim != 2:
        raise UsageError(
            f"an assignment needs two samples of one shape (n, d), got {first.shape} "
            f"and {second.shape}"
        )
    cost = pairwise_distances(first, second)
    rows, columns = cast(tuple[Index, Index], scipy.optimize.linear_sum_assignment(cost))
    return float(cost[rows, columns].mean())


def pairwise_distances(x: ArrayLike, y: ArrayLike) -> Floats:
    """Return the (n, m) Euclidean distances of (n, d) and (m, d) in float64.

    The square is not expanded, so small distances keep their full precision.

    Raises:
        UnmeasurableError: some samples are not finite.
    """
    first, second = (torch.from_numpy(np.ascontiguousarray(a, np.float64)) for a in (x, y))
    for side in (first, second):
        require_finite(side, "samples")
    mode = "donot_use_mm_for_euclid_dist"
    return torch.cdist(first, second, compute_mode=mode).numpy()


def energy_game(p: ArrayLike, q: ArrayLike, margin: float = 1.0) -> tuple[float, float]:
    """Return L_D and L_G of an energy-based GAN at its best discriminator, on masses (K,).

    L_D = E_p D + E_q[m − D]⁺ is least where D is 0 on atoms that P prefers and m on the others;
    then L_G = E_q D − E_p D is m·TV(P, Q), and L_D = m − L_G. Arjovsky et al. 2017, appendix D,
    whose factor ½ on m belongs to the total mass of P − Q, which is twice TV.
    """
    first, second = _pair(p, q)
    energy = np.where(first < second, margin, 0.0)
    judged = first @ energy + second @ np.maximum(margin - energy, 0)
    return float(judged), float((second - first) @ energy)


def gaussian_kl(mean1: Floats, cov1: Floats, mean2: Floats, cov2: Floats) -> float:
    """Return KL(N(mean1, cov1) || N(mean2, cov2)) in nats; means (d,), covariances (d, d)."""
    gap = mean2 - mean1
    inverse = np.linalg.inv(cov2)
    logdet = np.linalg.slogdet(cov2)[1] - np.linalg.slogdet(cov1)[1]
    return 0.5 * float(np.trace(inverse @ cov1) + gap @ inverse @ gap - len(gap) + logdet)


def gaussian_w1(mean1: Floats, mean2: Floats) -> float:
    """Return W1 of two Gaussians of equal covariance: the distance of their means (d,)."""
    return float(np.linalg.norm(mean1 - mean2))


def ipm(critic: Callable[[NDArray[Any]], NDArray[Any]], x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return E f(x) - E f(y), the value at one critic f of the integral probability metric."""
    return float(np.mean(critic(x)) - np.mean(critic(y)))


def mmd(x: ArrayLike, y: ArrayLike, bandwidth: float | None = None) -> float:
    """Return the unbiased squared MMD of samples (n, d) and (m, d) under a Gaussian kernel.

    The kernel is exp(-|x - y|^2 / (2 bandwidth^2)); by default the bandwidth is the median
    distance of the pooled samples. The critic class is the unit ball of the kernel's own norm.
    Gretton et al. 2012, equation 3.
    """
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise UnmeasurableError(
            f"an unbiased MMD needs two samples or more on each side, got {n} and {m}"
        )
    for side in (first, second):
        require_finite(side, "samples")
    pooled = np.concatenate([first, second])
    distance = pairwise_distances(pooled, pooled)
    scale = bandwidth or float(np.median(distance[np.triu_indices(n + m, 1)])) or 1.0
    kernel = np.exp(-(distance**2) / (2 * scale**2))
    within_x = (kernel[:n, :n].sum() - n) / (n * (n - 1))
    within_y = (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return float(within_x + within_y - 2 * kernel[:n, n:].mean())


def median_filter(series: ArrayLike, window: int = 101) -> Floats:
    """Return the running median of a series (n,), of the same length.

    Near both ends the window is cut at the border, so no invented values enter.
    """
    if window < 1 or window % 2 == 0:
        raise UsageError(f"window must be a positive odd number, got {window}")
    values = np.asarray(series, np.float64)
    half = window // 2
    n = len(values)
    if n > 2 * half:
        inner = np.median(np.lib.stride_tricks.sliding_window_view(values, window), axis=1)
        heads = [np.median(values[: i + half + 1]) for i in range(half)]
        tails = [np.median(values[i - half :]) for i in range(n - half, n)]
        return np.concatenate([heads, inner, tails])
    return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(n)])


def parallel_lines(theta: float, points: int = 32) -> dict[str, float]:
    """Return the distances of two vertical unit segments ``theta`` apart (the paper's Example 1).

    P is uniform on {0} x [0, 1], Q on {theta} x [0, 1], each as ``points`` atoms.
    W1 is |theta|, which is continuous; JS, KL and TV jump at theta = 0.
    """
    heights = (np.arange(points) + 0.5) / points
    here = np.stack([np.zeros(points), heights], 1)
    there = np.stack([np.full(points, theta), heights], 1)
    support, owner = np.unique(np.concatenate([here, there]), axis=0, return_inverse=True)
    p = np.bincount(owner[:points], minlength=len(support))
    q = np.bincount(owner[points:], minlength=len(support))
    return {
        "w1": wasserstein_assignment(here, there),
        "js": js_divergence(p, q),
        "kl": kl_divergence(p, q),
        "tv": total_variation(p, q),
    }
