"""Directions without labels: of a generator's weights, and of what it makes of many codes.

The first are those along which a linear map changes most (SeFa, Shen & Zhou 2021); the second are
principal components of codes, or of what a layer makes of them (GANSpace, Härkönen et al. 2020).
What a direction shows, somebody has to see and name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.directions import Direction

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """Directions in the order of what they change.

    Attributes:
        directions: unit vectors, planes through the middle of codes.
        weights: what each accounts for, as a share of the whole, (k,).
    """

    directions: Sequence[Direction]
    weights: Tensor


def closed_form(matrices: Sequence[Tensor], count: int, middle: Tensor | None = None) -> Found:
    """Return the unit vectors that linear maps lengthen most, one after the other.

    They are the eigenvectors of Σ AᵀA with the largest eigenvalues: the maximisers of ‖An‖², each
    orthogonal to those before.

    Args:
        matrices: A of each map, (outputs, d).
        count: how many; at most d.
        middle: of codes, (d,); None: 0.

    Raises:
        UsageError: there are fewer than ``count``.
    """
    stacked = np.concatenate([_array(a) for a in matrices])
    _require(count, stacked.shape[1])
    values, vectors = np.linalg.eigh(stacked.T @ stacked)
    shares = values[::-1].clip(0) / values.sum()
    return Found(_through(vectors.T[::-1][:count], middle), torch.from_numpy(shares[:count].copy()))


def components(codes: Tensor, count: int, seen: Tensor | None = None) -> Found:
    """Return the principal components of codes, or the codes that go with those of features.

    Args:
        codes: (N, …).
        count: how many; at most as many as there are numbers, and codes but one.
        seen: what a layer makes of each code, (N, F): components are then its own, and codes are
            regressed on their coordinates, as latents of equal variance have none.

    Raises:
        UsageError: there are fewer than ``count``.
    """
    flat = _array(codes.flatten(1))
    of = flat if seen is None else _array(seen.flatten(1))
    _require(count, min(len(of) - 1, of.shape[1]))
    mean = flat.mean(axis=0)
    coordinates, values, vectors = np.linalg.svd(of - of.mean(axis=0), full_matrices=False)
    whole = np.square(values).sum() or 1.0  # where all are alike nothing has a share
    shares = (values**2 / whole)[:count]
    # Coordinates are orthogonal, so that codes are regressed on each alone.
    ways = vectors[:count] if seen is None else coordinates[:, :count].T @ (flat - mean)
    shape = codes.shape[1:]
    middle = torch.from_numpy(mean).view(shape)
    return Found(_through(ways.reshape(count, *shape), middle), torch.from_numpy(shares))


def _array(numbers: Tensor) -> Floats:
    return numbers.detach().cpu().double().numpy()


def _through(vectors: Floats, middle: Tensor | None) -> list[Direction]:
    """Return unit directions of planes through a point; the largest number of each is positive."""
    found: list[Direction] = []
    for vector in vectors:
        largest = vector.flat[np.abs(vector).argmax()]
        kept = torch.from_numpy(vector / np.linalg.norm(vector) * np.sign(largest)).float()
        offset = 0.0 if middle is None else -float((kept.double() * middle.double()).sum())
        found.append(Direction(kept, offset))
    return found


def _require(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise UsageError(f"there are 1 to {most} such directions, not {count}: ask for fewer")
