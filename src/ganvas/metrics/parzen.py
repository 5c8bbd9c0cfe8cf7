"""Parzen windows: the log-likelihood of items under a kernel density of samples (Breuleux 2011).

A measure of any sampler, and a poor one: it depends on the width of the window and on the number of
samples, and a sampler that repeats good items scores better than a right one. Values compare only
under one protocol. It is here since cGAN's table 1 is in it (Mirza & Osindero 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import squared_distance_blocks, vectors_of

WIDTHS = tuple(float(width) for width in np.logspace(-1, 0, 10))
"""Standard deviations among which the window's is chosen, of pixels in [0, 1]."""
SHARE = 3
"""One of so many held-out items chooses the width."""
MOST = 15_000
"""Held-out items that are looked at."""


class Likelihood(NamedTuple):
    """What items have under a density of samples.

    Attributes:
        mean: log-likelihood, the mean over items, in nats.
        error: its standard error over items, s/√n.
        width: standard deviation of the window.
    """

    mean: float
    error: float
    width: float


def log_densities(x: Tensor, samples: Tensor, widths: Sequence[float]) -> Tensor:
    """Return log p(x) in nats for each width: float64 (widths, N).

    log p(x) = log mean_i exp(−‖x − s_i‖² / 2σ²) − d log(σ√(2π)).

    Args:
        x: items (N, d).
        samples: s, (M, d).
        widths: σ.

    Raises:
        UsageError: other shapes, or a width that is not positive.
    """
    if vectors_of(x).shape[1] != vectors_of(samples).shape[1]:
        raise UsageError(f"items of {x.shape[1]} numbers and samples of {samples.shape[1]}")
    if not widths or min(widths) <= 0:
        raise UsageError(f"windows need widths above 0, not {list(widths)}")
    count, d = samples.shape
    found = torch.empty(len(widths), len(x), dtype=torch.float64, device=x.device)
    for rows, squares in squared_distance_blocks(x, samples):
        for at, width in enumerate(widths):
            found[at, rows] = (squares / (-2 * width**2)).logsumexp(1)
    scales = [math.log(count) + d * math.log(width * math.sqrt(2 * math.pi)) for width in widths]
    return found - torch.tensor(scales, dtype=torch.float64, device=x.device)[:, None]


def gaussians(items: Tensor, label: Tensor, count: int, seed: int = 0) -> Tensor:
    """Return samples of a normal law for each class: what knows classes, and nothing of shapes.

    Args:
        items: (N, d).
        label: their classes, (N,).
        count: samples; of each class equally many, up to one.
        seed: of the draws.

    Returns:
        (count, d): means and deviations, of each number by itself, are those of the class.
    """
    classes = np.unique(label.numpy())
    found = torch.randn(
        count, items.shape[1], generator=torch.Generator().manual_seed(seed), dtype=items.dtype
    )
    for place, k in enumerate(map(int, classes)):
        own, mine = items[label == k], found[place :: len(classes)]
        mine.mul_(own.std(0, correction=0)).add_(own.mean(0))
    return found


def likelihood(
    samples: Tensor, validation: Tensor, test: Tensor, widths: Sequence[float] = WIDTHS
) -> Likelihood:
    """Return the likelihood of test items, with the width that is best on validation items.

    Args:
        samples: (M, d).
        validation: items (n, d).
        test: others, likewise.
        widths: among which the window's is chosen.
    """
    width = widths[int(log_densities(validation, samples, widths).mean(1).argmax())]
    (found,) = log_densities(test, samples, [width])
    error = float(found.std()) / math.sqrt(len(found)) if len(found) > 1 else math.nan
    return Likelihood(float(found.mean()), error, width)
