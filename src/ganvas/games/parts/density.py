"""Kernel densities of latents, and subsets that represent them."""

from __future__ import annotations

import math
import warnings
from importlib import import_module
from typing import Any, cast

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from ganvas.play import Noise

CHUNK = 1024
"""Rows compared at once, or fewer: see `_parts`."""
CACHED = 1 << 18
"""Numbers that a CPU keeps near; larger tables cost it several times as much per number."""
NEGLIGIBLE = 80.0
"""Exponents this far below the largest add less than single or double precision can hold."""


def log_sum_exp(exponents: Tensor, dim: int = 1) -> Tensor:
    """Return log Σ exp(e) of exponents (N, M) along a dimension, as `torch.logsumexp` does.

    Terms that underflow take a CPU ten times as long as others: here none does.
    """
    top = exponents.amax(dim, keepdim=True)
    finite = top.clamp_min(torch.finfo(exponents.dtype).min)
    terms = (exponents - finite).clamp_min_(-NEGLIGIBLE).exp_()
    return terms.sum(dim).log_() + top.squeeze(dim)


def _parts(x: Tensor, others: int) -> tuple[Tensor, ...]:
    """Split points (N, k) that are each compared with so many others."""
    cached = max(64, CACHED // others) if x.device.type == "cpu" else CHUNK
    return torch.split(x, min(CHUNK, cached))


def log_density(
    x: Tensor, centres: Tensor, bandwidth: Tensor | float, known: Tensor | None = None
) -> Tensor:
    """Return the log density (N,) of points (N, k) under Gaussians of one width at (M, k).

    Args:
        x: where.
        centres: of the Gaussians.
        bandwidth: their width.
        known: which of the centres there are, (M,) bool; None: all. Where none is, -inf.
    """
    k = x.shape[1]
    width = torch.as_tensor(bandwidth, dtype=x.dtype, device=x.device)
    exists = torch.ones_like(centres[:, 0], dtype=torch.bool) if known is None else known
    least = torch.where(exists, 0.0, -torch.inf).to(x.dtype)
    parts = [
        log_sum_exp(torch.addcmul(least, torch.cdist(part, centres).square(), -0.5 / width**2))
        for part in _parts(x, len(centres))
    ]
    constant = exists.sum().to(x.dtype).log() + k * (width.log() + 0.5 * math.log(2 * math.pi))
    return torch.cat(parts) - constant


def distinct(x: Tensor) -> Tensor:
    """Return the points (n, k) that differ from one another, in some order."""
    return cast(Tensor, x.unique(dim=0))  # pyright: ignore[reportUnknownMemberType]


def leave_one_out_bandwidth(x: Tensor, low: float = 0.003, high: float = 1.0) -> Tensor:
    """Return the width under which each of (n, k) points is likeliest given the others, 0-d.

    Of 24 widths on a logarithmic grid. Rules of thumb take the data for one Gaussian and smear
    modes that are far apart. Equal points count once: beside its copy a point is likeliest under no
    width at all.
    """
    x = distinct(x)
    k = x.shape[1]
    squared = torch.cdist(x, x).square()
    squared.fill_diagonal_(torch.inf)
    widths = torch.logspace(math.log10(low), math.log10(high), 24, dtype=x.dtype, device=x.device)
    scores = [log_sum_exp(-squared / (2 * w**2)).mean() - k * w.log() for w in widths]
    return widths[int(torch.stack(scores).nan_to_num(-torch.inf).argmax())]


def herd(candidates: Tensor, count: int, bandwidth: Tensor | float) -> Tensor:
    """Return the rows of ``count`` candidates (n, k) whose mean embedding is nearest to all's.

    Greedy kernel herding (Chen, Welling & Smola 2010) with a Gaussian of √2 times the bandwidth,
    without repeats: modes get their shares to within one, where draws would vary binomially.
    """
    width = 2.0**0.5 * torch.as_tensor(bandwidth, dtype=candidates.dtype)

    def kernel(x: Tensor) -> Tensor:
        return torch.exp(-torch.cdist(x, candidates).square() / (2 * width**2))

    wanted = torch.cat([kernel(part).mean(1) for part in _parts(candidates, len(candidates))])
    sums = torch.zeros_like(wanted)
    taken = torch.zeros(len(candidates), dtype=torch.bool, device=candidates.device)
    chosen: list[Tensor] = []
    for step in range(count):
        gain = (wanted - sums / (step + 1)).masked_fill(taken, -torch.inf)
        index = gain.argmax()
        chosen.append(index)
        taken[index] = True
        sums = sums + kernel(candidates[index][None])[0]
    return torch.stack(chosen)


def perturbed(centres: Tensor, count: int, bandwidth: Tensor | float, noise: Noise) -> Tensor:
    """Return ``count`` draws (count, k) from the density of Gaussians of one width at (n, k)."""
    rows = noise.integers(count, len(centres))
    moved = noise.normal(count, centres.shape[1])
    return centres[rows] + torch.as_tensor(bandwidth, dtype=centres.dtype) * moved


def kmeans(candidates: Tensor, count: int, noise: Noise, rounds: int = 10) -> Tensor:
    """Return the rows of ``count`` different candidates (n, k), each nearest to a k-means centre.

    Centres are scikit-learn's, on one thread: several add up in whatever order they end, and then
    processes that train together would not find the same.
    """
    seed = int(noise.integers(1, 2**31 - 1))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer different candidates than centres do no harm
        clusters: Any = import_module("sklearn.cluster")  # late: a second to import
        found = clusters.KMeans(count, n_init=1, max_iter=rounds, random_state=seed)
        centres = found.fit(candidates.detach().cpu().numpy()).cluster_centers_
    free = torch.cdist(torch.from_numpy(centres).to(candidates), candidates)
    chosen: list[Tensor] = []
    for distances in free:
        index = distances.argmin()
        free[:, index] = torch.inf
        chosen.append(index)
    return torch.stack(chosen)
