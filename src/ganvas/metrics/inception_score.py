"""Scores from class probabilities: Inception-type score, class shares, confidence."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.protocol import Estimate
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite


def _checked(probabilities: Tensor) -> Tensor:
    p = probabilities.detach().to(torch.float64)
    if p.ndim != 2 or len(p) == 0:
        raise UsageError(f"probabilities must have shape (N, K), got {tuple(p.shape)}")
    require_finite(p, "class probabilities")
    total = p.sum(1, keepdim=True)
    if (p < 0).any() or not (total > 0).all():
        raise UsageError("class probabilities must not be negative, nor all of a row zero")
    return p / total


def inception_score(probabilities: Tensor, splits: int = 10, seed: int = 0) -> Estimate:
    """Return mean and standard deviation of exp(E KL(p(y|x) || p(y))) over random equal splits.

    Salimans et al. 2016. Between 1 (no information about the class) and K; it sees neither
    missing variety within a class nor memorised samples.
    """
    p = _checked(probabilities)
    if not 1 <= splits <= len(p):
        raise UnmeasurableError(f"splits must be between 1 and the {len(p)} samples, got {splits}")
    order = torch.randperm(len(p), generator=torch.Generator().manual_seed(seed))
    found: list[float] = []
    for part in p[order.to(p.device)].tensor_split(splits):
        marginal = part.mean(0, keepdim=True)
        divergence = torch.xlogy(part, part) - torch.xlogy(part, marginal)
        found.append(math.exp(float(divergence.sum(1).mean())))
    values = torch.tensor(found, dtype=torch.float64)
    return Estimate(float(values.mean()), float(values.std(correction=0)))


def predicted(probabilities: Tensor) -> Tensor:
    """Return the most probable class of each sample, (N,)."""
    return _checked(probabilities).argmax(1)


def class_shares(probabilities: Tensor) -> Tensor:
    """Return the share of samples in each class by arg-max, (K,) float64."""
    found = predicted(probabilities)
    return torch.bincount(found, minlength=probabilities.shape[1]).double() / len(found)


def mean_confidence(probabilities: Tensor) -> float:
    """Return the mean over samples of the largest class probability."""
    return float(_checked(probabilities).amax(1).mean())
