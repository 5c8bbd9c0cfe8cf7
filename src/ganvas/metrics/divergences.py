"""A calculator of divergences: between masses, samples, and one-dimensional densities.

Each function returns all that can be said of its kind of input: KL and its reverse, JS and total
variation in nats, Wasserstein-1 (exact on the line, by a linear programme, by assignment, by
Sinkhorn's iteration), and MMD. The exact single distances are in `ganvas.metrics.distances`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np
import scipy
from numpy.typing import ArrayLike

from ganvas.errors import UsageError
from ganvas.metrics.distances import (
    Floats,
    earth_mover,
    js_divergence,
    kl_divergence,
    mmd,
    pairwise_distances,
    total_variation,
    wasserstein_1d,
    wasserstein_assignment,
)

Density = Callable[[Floats], Floats]

CELLS = 40_000
"""Intervals into which the support of densities is cut."""
LARGEST = 1_000_000
"""Pairs of samples that are compared at most."""
PROGRAMME = 90_000
"""Pairs that are given to a linear programme at most."""
ROUNDS = 4_000
"""Sinkhorn's iterations at most at one temperature."""
SCALINGS = 40
"""Of these, how many follow one another without logarithms."""


def between_masses(p: ArrayLike, q: ArrayLike, cost: ArrayLike | None = None) -> dict[str, float]:
    """Compare two mass functions on one support, (K,), which need not sum to one.

    Args:
        p: masses (K,).
        q: masses (K,).
        cost: of moving one unit, (K, K); by default the distance of places, |i − j|.

    Returns:
        ``kl`` (P‖Q), ``reverse_kl`` (Q‖P), ``js``, ``tv``, ``w1`` by a linear programme,
        ``sinkhorn``.

    Raises:
        UsageError: the arrays are no two mass functions of one length.
    """
    places = np.arange(np.size(p), dtype=np.float64)
    prices = np.abs(places[:, None] - places) if cost is None else np.asarray(cost, np.float64)
    return {
        "kl": kl_divergence(p, q),
        "reverse_kl": kl_divergence(q, p),
        "js": js_divergence(p, q),
        "tv": total_variation(p, q),
        "w1": earth_mover(p, q, prices),
        "sinkhorn": sinkhorn(p, q, prices),
    }


def between_samples(x: ArrayLike, y: ArrayLike, bins: int | None = None) -> dict[str, float]:
    """Compare two samples, (n,) or (n, d) and (m,) or (m, d).

    Args:
        x: one sample.
        y: another of the same width.
        bins: of a common histogram, for numbers only; adds KL, reverse KL, JS and TV of it.

    Returns:
        ``w1`` (exact on the line, else by assignment or a linear programme), ``sinkhorn`` and the
        squared ``mmd`` with a Gaussian kernel.

    Raises:
        UsageError: widths differ, or samples are too many for an exact transport.
    """
    first, second = _sample(x), _sample(y)
    if first.shape[1] != second.shape[1]:
        raise UsageError(
            f"samples have {first.shape[1]} and {second.shape[1]} coordinates: give both as "
            "(n,) or (n, d) of one d"
        )
    n, m = len(first), len(second)
    programme = n != m and first.shape[1] > 1
    if n * m > (PROGRAMME if programme else LARGEST):
        raise UsageError(
            f"{n:,} against {m:,} samples are too many for an exact transport; give "
            + ("equal numbers, or " if programme else "")
            + f"at most {math.isqrt(PROGRAMME if programme else LARGEST):,} each"
        )
    found: dict[str, float] = {}
    if bins is not None:
        found |= _histograms(first, second, bins)
    cost = pairwise_distances(first, second)
    if first.shape[1] == 1:
        found["w1"] = wasserstein_1d(first, second)
    elif n == m:
        found["w1"] = wasserstein_assignment(first, second)
    else:
        found["w1"] = earth_mover(np.ones(n), np.ones(m), cost)
    found["sinkhorn"] = sinkhorn(np.ones(n), np.ones(m), cost)
    found["mmd"] = mmd(first, second)
    return found


def between_densities(
    p: Density, q: Density, low: float, high: float, cells: int = CELLS
) -> dict[str, float]:
    """Compare two densities of one number, by midpoint sums over [low, high].

    A jump costs an error of half a cell unless it lies on a border of cells. Densities are scaled
    to integrate to one on the interval, which should hold all that matters of both.

    Returns:
        ``kl`` (p‖q), ``reverse_kl``, ``js``, ``tv`` and ``w1`` = ∫|F_p − F_q|.

    Raises:
        UsageError: the interval is empty, or a density has no mass on it.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"densities are compared on an interval low < high, not [{low}, {high}]")
    width = (high - low) / cells
    middles = np.asarray(low + width * (np.arange(cells) + 0.5), np.float64)
    masses = [np.asarray(density(middles), np.float64) for density in (p, q)]
    found = {
        "kl": kl_divergence(*masses),
        "reverse_kl": kl_divergence(masses[1], masses[0]),
        "js": js_divergence(*masses),
        "tv": total_variation(*masses),
    }
    first, second = (np.cumsum(mass / mass.sum()) for mass in masses)
    apart = np.concatenate([[0.0], np.abs(first - second)])
    found["w1"] = float(scipy.integrate.trapezoid(apart, dx=width))
    return found


def sinkhorn(
    p: ArrayLike, q: ArrayLike, cost: ArrayLike, temperature: float = 0.002, tolerance: float = 1e-6
) -> float:
    """Return the cost of the transport from P (m,) to Q (n,) that Sinkhorn's iteration finds.

    The entropy-regularised plan (Cuturi 2013), in logarithms, cooled in steps of a half and rounded
    to a plan with exact margins (Altschuler et al. 2017): its cost is never below the exact one,
    and at most ``temperature`` · mean cost · the smaller entropy of the margins above it once the
    margins are met.

    Args:
        p: masses (m,), which need not sum to one.
        q: masses (n,).
        cost: (m, n), non-negative.
        temperature: at the end, as a share of the mean cost.
        tolerance: summed error of the margins at which a temperature is left.
    """
    return float(np.sum(sinkhorn_plan(p, q, cost, temperature, tolerance) * np.asarray(cost)))


def sinkhorn_plan(
    p: ArrayLike, q: ArrayLike, cost: ArrayLike, temperature: float = 0.002, tolerance: float = 1e-6
) -> Floats:
    """Return the plan (m, n) of `sinkhorn`, whose margins are P and Q scaled to sum to one."""
    prices = np.asarray(cost, np.float64)
    source, target = (np.asarray(mass, np.float64) for mass in (p, q))
    if prices.shape != (*source.shape, *target.shape):
        raise UsageError(
            f"masses of shapes {source.shape} and {target.shape} do not fit a cost of shape "
            f"{prices.shape}"
        )
    if min(source.min(), target.min(), prices.min()) < 0 or not source.sum() * target.sum() > 0:
        raise UsageError("masses and costs must be non-negative, and each sum of masses positive")
    # Only places with mass: the potentials of others would be without bound.
    rows, columns = source > 0, target > 0
    plan: Floats = np.zeros(prices.shape)
    plan[np.ix_(rows, columns)] = _cooled(
        source[rows] / source.sum(),
        target[columns] / target.sum(),
        prices[np.ix_(rows, columns)],
        temperature,
        tolerance,
    )
    return plan


def _cooled(
    source: Floats, target: Floats, prices: Floats, temperature: float, tolerance: float
) -> Floats:
    """Return the rounded plan between positive masses that sum to one."""
    scale = float(prices.mean())
    f, g = np.zeros_like(source), np.zeros_like(target)
    plan: Floats = source[:, None] * target
    if scale == 0:
        return plan
    share = max(1.0, temperature)
    while True:
        for _ in range(ROUNDS // SCALINGS):
            f, g, plan = _scaled(f, g, prices, source, target, share * scale)
            if np.abs(plan.sum(1) - source).sum() < tolerance:
                break
        if share <= temperature:
            return _rounded(plan, source, target)
        share = max(share / 2, temperature)


def _scaled(
    f: Floats, g: Floats, cost: Floats, source: Floats, target: Floats, heat: float
) -> tuple[Floats, Floats, Floats]:
    """Take one exact step in logarithms, then `SCALINGS` cheap ones on the kernel.

    The kernel's rows and columns then sum to about one, so that nothing under- or overflows.
    """
    log_p, log_q = np.log(source), np.log(target)
    f = -heat * cast(Floats, scipy.special.logsumexp(log_q + (g - cost) / heat, axis=1))
    g = -heat * cast(Floats, scipy.special.logsumexp(log_p + (f - cost.T) / heat, axis=1))
    kernel = np.exp((f[:, None] + g - cost) / heat)
    u, v = np.ones_like(source), np.ones_like(target)
    for _ in range(SCALINGS):
        u = 1 / (kernel @ (v * target))
        v = 1 / (kernel.T @ (u * source))
    plan = (u * source)[:, None] * kernel * (v * target)
    return f + heat * np.log(u), g + heat * np.log(v), plan


def _rounded(plan: Floats, source: Floats, target: Floats) -> Floats:
    """Return the plan with exact margins nearest in the sense of Altschuler et al., algorithm 2."""
    plan = plan * np.minimum(1.0, _ratio(source, plan.sum(1)))[:, None]
    plan = plan * np.minimum(1.0, _ratio(target, plan.sum(0)))
    rows, columns = source - plan.sum(1), target - plan.sum(0)
    missing = float(np.abs(rows).sum())
    return plan + np.outer(rows, columns) / missing if missing > 0 else plan


def _ratio(wanted: Floats, have: Floats) -> Floats:
    held = have > 0
    return np.asarray(np.where(held, wanted / np.where(held, have, 1.0), 1.0), np.float64)


def _sample(values: ArrayLike) -> Floats:
    array = np.asarray(values, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) == 0 or not np.isfinite(array).all():
        raise UsageError(f"a sample is finite numbers (n,) or (n, d) with n > 0, not {array.shape}")
    return array


def _histograms(x: Floats, y: Floats, bins: int) -> dict[str, float]:
    if x.shape[1] != 1 or bins < 1:
        raise UsageError(
            f"bins={bins} counts numbers in a positive number of cells; samples of "
            f"{x.shape[1]} coordinates have no histogram here: leave bins out"
        )
    ends = (float(min(x.min(), y.min())), float(max(x.max(), y.max())))
    p, q = (np.histogram(side, bins, ends)[0] for side in (x, y))
    return {
        "kl": kl_divergence(p, q),
        "reverse_kl": kl_divergence(q, p),
        "js": js_divergence(p, q),
        "tv": total_variation(p, q),
    }
