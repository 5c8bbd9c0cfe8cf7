"""Whether content and motion of clips can be had one without the other, and are obeyed.

What clips show is told by a classifier of factors: a label for each clip and factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.metrics.unmeasurable import UnmeasurableError

Index = NDArray[np.int64]
Told = Mapping[str, Tensor]
"""Labels (N,), or probabilities (N, K), by factor."""


class Swap(NamedTuple):
    """What becomes of factors when clips exchange their motion.

    Attributes:
        content_kept: share of clips that show the content that they had.
        motion_kept: share that move as the clip whose motion they were given.
        score: the harmonic mean of both.
        leak: share that show the content of the clip whose motion they were given.
        chance: what that share is if the motion says nothing.
    """

    content_kept: float
    motion_kept: float
    score: float
    leak: float
    chance: float


def swap(
    own: Told,
    exchanged: Told,
    partners: Tensor,
    content: Sequence[str],
    motion: Sequence[str],
) -> Swap:
    """Return what becomes of factors of clips G(cᵢ, mⱼ), beside G(cᵢ, mᵢ).

    Args:
        own: what is told of G(cᵢ, mᵢ), i = 1 … N.
        exchanged: the same of G(cᵢ, mⱼ).
        partners: j of each i, (N,).
        content: names of its factors.
        motion: of its.

    Raises:
        UnmeasurableError: no factor is told of one of the sides.
    """
    if not content or not motion:
        raise UnmeasurableError("factors of content and of motion are needed, each one at least")
    before = {side: _cells(own, names) for side, names in _sides(content, motion)}
    after = {side: _cells(exchanged, names) for side, names in _sides(content, motion)}
    kept = _share(after["content"], before["content"])
    followed = _share(after["motion"], before["motion"][partners])
    both = kept + followed
    shares = torch.bincount(before["content"]).double() / len(before["content"])
    return Swap(
        kept,
        followed,
        2 * kept * followed / both if both else 0.0,
        _share(after["content"], before["content"][partners]),
        float(shares.square().sum()),
    )


def motion_control(shown: Tensor, asked: Tensor, matched: bool = False) -> float:
    """Return the share of clips that show the class (N,) that was asked for, (N,).

    Args:
        shown: what a classifier says.
        asked: what was asked for.
        matched: classes have no names yet: the best pairing of both counts, one to one.
    """
    if not matched:
        return _share(shown, asked)
    size = int(max(shown.max(), asked.max())) + 1
    table = torch.bincount(asked * size + shown, minlength=size * size).view(size, size).numpy()
    found = cast(tuple[Index, Index], scipy.optimize.linear_sum_assignment(-table))
    rows, columns = found
    return float(table[rows, columns].sum() / len(asked))


def win_rate(first: Tensor, second: Tensor, real: Tensor) -> float:
    """Return how often a sample of the first model looks more real than one of the second.

    It stands for people who are shown two clips and asked which is real. Of two samples the one is
    preferred whose features are nearer to the normal law of real features (Mahalanobis); every
    pair counts, ties by half, so that a model wins half of the time against itself.

    Args:
        first: features (N, d) of samples of one model.
        second: (M, d), of the other.
        real: (K, d), of real items. With fewer than features, nearness is that within their span.

    Raises:
        UnmeasurableError: there is one real item, or none.
    """
    if len(real) < 2:
        raise UnmeasurableError("at least two real items are needed, for their spread")
    mean, covariance = real.double().mean(0), real.double().T.cov().reshape(*2 * [real.shape[1]])
    inverse = torch.from_numpy(np.linalg.pinv(covariance.cpu().numpy(), hermitian=True)).to(mean)

    def distance(features: Tensor) -> Tensor:
        off = features.double() - mean
        return torch.einsum("nd,de,ne->n", off, inverse, off)

    far, near = distance(second), distance(first)
    return float((torch.sign(far[None] - near[:, None]) + 1).mean() / 2)


def _sides(
    content: Sequence[str], motion: Sequence[str]
) -> tuple[tuple[str, Sequence[str]], tuple[str, Sequence[str]]]:
    return ("content", content), ("motion", motion)


def _cells(told: Told, names: Sequence[str]) -> Tensor:
    """Return one label (N,) for all factors together."""
    labels = [v.argmax(1) if (v := told[name]).dim() > 1 else v for name in names]
    cell = labels[0].long()
    for label in labels[1:]:
        cell = cell * (int(label.max()) + 1) + label
    return cell


def _share(a: Tensor, b: Tensor) -> float:
    return float((a == b).double().mean())
