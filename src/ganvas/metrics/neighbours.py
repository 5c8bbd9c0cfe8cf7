"""Exact nearest neighbours in blocks: memory is bounded, nothing is approximated."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite

BLOCK = 1 << 23
"""Distances held at once, at most: 64 MiB in float64."""


def wide(features: Tensor) -> Tensor:
    """Return (N, F) features in float64, which keeps distances of near-equal vectors exact.

    Raises:
        UsageError: another number of axes, or no rows.
        UnmeasurableError: some are not finite.
    """
    if features.ndim != 2 or len(features) == 0:
        raise UsageError(f"features must have shape (N, F), N > 0, got {tuple(features.shape)}")
    require_finite(features, "features")
    return features.detach().to(torch.float64)


def squared_distance_blocks(queries: Tensor, gallery: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield row ranges of the (N, M) squared distances of float64 (N, F) and (M, F) vectors.

    |a - b|^2 = |a|^2 + |b|^2 - 2ab after moving the gallery's mean to the origin, which keeps the
    cancellation error near 1e-16 of the data's own variance.
    """
    origin = gallery.mean(0)
    b = gallery - origin
    b_squares = b.square().sum(1)
    rows = max(1, BLOCK // len(gallery))
    for start in range(0, len(queries), rows):
        a = queries[start : start + rows] - origin
        squares = torch.addmm(b_squares, a, b.T, alpha=-2).add_(a.square().sum(1, keepdim=True))
        yield slice(start, start + len(a)), squares.clamp_(min=0)


def nearest(queries: Tensor, gallery: Tensor) -> tuple[Tensor, Tensor]:
    """Return distance (N,) and index (N,) of each query's nearest gallery vector."""
    a, b = wide(queries), wide(gallery)
    found = [squares.min(dim=1) for _, squares in squared_distance_blocks(a, b)]
    index = torch.cat([pair.indices for pair in found])
    # The winner's distance is taken again without expanding the square: exact copies give 0.
    return (a - b[index]).square().sum(1).sqrt(), index


def nearest_other(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return distance (N,) and index (N,) of each vector's nearest other vector."""
    a = wide(vectors)
    if len(a) < 2:
        raise UnmeasurableError("a nearest other vector needs two vectors or more")
    found: list[Tensor] = []
    for rows, squares in squared_distance_blocks(a, a):
        _hide_self(squares, rows)
        found.append(squares.argmin(dim=1))
    index = torch.cat(found)
    return (a - a[index]).square().sum(1).sqrt(), index


def kth_squared_distance(vectors: Tensor, k: int) -> Tensor:
    """Return the squared distance (N,) of each float64 vector to its k-th nearest other."""
    if not 1 <= k < len(vectors):
        raise UnmeasurableError(
            f"k must be at least 1 and below the number of vectors, got k = {k} "
            f"for {len(vectors)} vectors"
        )
    found: list[Tensor] = []
    for rows, squares in squared_distance_blocks(vectors, vectors):
        _hide_self(squares, rows)
        found.append(squares.kthvalue(k, dim=1).values)
    return torch.cat(found)


def _hide_self(squares: Tensor, rows: slice) -> None:
    """Set the distance of each vector to itself to infinity."""
    local = torch.arange(len(squares), device=squares.device)
    squares[local, local + rows.start] = torch.inf
