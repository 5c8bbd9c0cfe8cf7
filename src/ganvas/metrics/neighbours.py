"""Exact nearest neighbours in blocks: memory is bounded, nothing is approximated."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite
from ganvas.slices import slices

BLOCK = 1 << 23
"""Distances held at once, at most: 64 MiB in float64.

Blocks of 32 MiB and more are mapped by glibc one by one, and leave no holes when they are freed.
"""


def wide(features: Tensor) -> Tensor:
    """Return (N, F) features in float64, which keeps distances of near-equal vectors exact.

    Raises:
        UsageError: another number of axes, or no rows.
        UnmeasurableError: some are not finite.
    """
    return vectors_of(features).to(torch.float64)


def vectors_of(features: Tensor) -> Tensor:
    """Return (N, F) features as they are, after the look that `wide` takes at them."""
    if features.ndim != 2 or len(features) == 0:
        raise UsageError(f"features must have shape (N, F), N > 0, got {tuple(features.shape)}")
    require_finite(features, "features")
    return features.detach()


def chunks(vectors: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield ranges of rows of (N, F) vectors and these rows in float64, `BLOCK` numbers at most."""
    span = max(1, BLOCK // vectors.shape[1])
    for rows in slices(len(vectors), span):
        yield rows, vectors[rows].to(torch.float64)


def centre(vectors: Tensor) -> Tensor:
    """Return the mean (F,) of (N, F) vectors in float64."""
    if vectors.numel() <= BLOCK:
        return vectors.to(torch.float64).mean(0)
    return torch.stack([part.sum(0) for _, part in chunks(vectors)]).sum(0) / len(vectors)


def squared_distance_blocks(queries: Tensor, gallery: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield row ranges of the (N, M) squared distances of (N, F) and (M, F) vectors, in float64.

    |a - b|^2 = |a|^2 + |b|^2 - 2ab after moving the gallery's mean to the origin, which keeps the
    cancellation error near 1e-16 of the data's own variance. Vectors of another type become float64
    a part at a time.
    """
    origin = centre(gallery)
    whole = next(chunks(gallery))[1] - origin if gallery.numel() <= BLOCK else None
    span = min(BLOCK // len(gallery), BLOCK // gallery.shape[1])
    for rows in slices(len(queries), span):
        a = queries[rows].to(torch.float64) - origin
        if whole is not None:
            squares = _products(a, whole)
        else:
            parts = (part - origin for _, part in chunks(gallery))
            squares = torch.cat([_products(a, part) for part in parts], dim=1)
        squares.add_(a.square().sum(1, keepdim=True))
        yield rows, squares.clamp_(min=0)


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Return |b|^2 - 2ab of each pair."""
    return torch.addmm(b.square().sum(1), a, b.T, alpha=-2)


def nearest(queries: Tensor, gallery: Tensor) -> tuple[Tensor, Tensor]:
    """Return distance (N,) and index (N,) of each query's nearest gallery vector."""
    a, b = vectors_of(queries), vectors_of(gallery)
    found = [squares.argmin(dim=1) for _, squares in squared_distance_blocks(a, b)]
    index = torch.cat(found)
    return _distances(a, b, index), index


def nearest_other(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return distance (N,) and index (N,) of each vector's nearest other vector."""
    a = vectors_of(vectors)
    if len(a) < 2:
        raise UnmeasurableError("a nearest other vector needs two vectors or more")
    found: list[Tensor] = []
    for rows, squares in squared_distance_blocks(a, a):
        _hide_self(squares, rows)
        found.append(squares.argmin(dim=1))
    index = torch.cat(found)
    return _distances(a, a, index), index


def _distances(a: Tensor, b: Tensor, index: Tensor) -> Tensor:
    """Return the distance of each a from b[index], without expanding the square: copies give 0."""
    return torch.cat(
        [(part - b[index[rows]].to(part)).square().sum(1).sqrt() for rows, part in chunks(a)]
    )


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
