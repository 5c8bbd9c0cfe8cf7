"""Directions with regard to others: without what others say, and several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.directions import Direction

Floats = npt.NDArray[np.float64]

LITTLE = 1e-6
"""What is left of a direction that is taken for nothing."""


class Move(Protocol):
    """What moves codes: a direction, or several jointly."""

    def moved(self, z: Tensor, amount: float) -> Tensor:
        """Return codes (N, …) moved by an amount."""
        ...

    def brought(self, z: Tensor, distance: float) -> Tensor:
        """Return codes (N, …) moved to a signed distance."""
        ...


def conditioned(direction: Direction, conditions: Sequence[Direction]) -> tuple[Direction, float]:
    """Return a direction without its part in the span of others, and which share of it is left.

    n' = n − C (CᵀC)⁻¹ Cᵀ n, by a QR decomposition of C: conditions need not be orthogonal, and one
    that depends on the others changes nothing. The result is as long as the direction was; a step
    of α along it is worth α · share along n. Its plane goes through where the direction's plane
    meets those of the conditions.

    Args:
        direction: of the same space as the conditions.
        conditions: what is to stay as it is; none: the direction itself is returned.

    Raises:
        UsageError: shapes differ, or nothing is left.
    """
    if not conditions:
        return direction, 1.0
    if any(c.vector.shape != direction.vector.shape for c in conditions):
        raise UsageError(
            "a direction and its conditions are of one space: their shapes are "
            f"{tuple(direction.vector.shape)} and "
            f"{', '.join(str(tuple(c.vector.shape)) for c in conditions)}"
        )
    normal, offset = _unit(direction)
    units, offsets = zip(*map(_unit, conditions), strict=True)
    q, r, order = _independent(np.stack(units, axis=1))
    along = q.T @ normal
    rest = normal - q @ along
    rest -= q @ (q.T @ rest)  # what rounding left
    share = float(np.linalg.norm(rest))
    if share < LITTLE:
        raise UsageError(
            "nothing of the direction is left: it lies in the span of its conditions; leave one out"
        )
    weights = np.linalg.solve(r, along)  # n = Σ weights · conditions + rest
    offset -= float(weights @ np.array(offsets)[order])
    vector = torch.from_numpy(rest / share * direction.length).to(direction.vector)
    vector = vector.view(direction.vector.shape)
    return Direction(vector, direction.length * offset / share), share


@dataclass(frozen=True, eq=False)
class Joint:
    """Several directions at once: the shortest move that changes each distance as it should.

    Δz = N (NᵀN)⁻¹ t, of unit normals N: amounts are distances, each with a share of its own.

    Attributes:
        directions: of one space.
        shares: by how much of an amount each one's distance changes, or how far it shall be.
    """

    directions: Sequence[Direction]
    shares: Sequence[float]

    def moved(self, z: Tensor, amount: float) -> Tensor:
        """Return codes (N, …) of which each distance is larger by share · amount."""
        wanted = amount * torch.tensor(self.shares, dtype=torch.float64)
        return self._stepped(z, wanted.expand(len(z), -1))

    def brought(self, z: Tensor, distance: float) -> Tensor:
        """Return codes (N, …) of which each distance is share · distance."""
        now = torch.stack([d.distances(z) for d in self.directions], dim=1)
        wanted = distance * torch.tensor(self.shares, dtype=torch.float64)
        return self._stepped(z, wanted - now)

    def _stepped(self, z: Tensor, changes: Tensor) -> Tensor:
        """Return codes moved so that distances change by (N, m)."""
        normals = np.stack([_unit(d)[0] for d in self.directions])
        gram = normals @ normals.T
        if float(np.linalg.eigvalsh(gram)[0]) < LITTLE:
            raise UsageError(
                "these directions depend on each other, so that their distances cannot be chosen "
                "apart: leave one out"
            )
        steps = np.linalg.solve(gram, changes.numpy().T).T @ normals
        return z + torch.from_numpy(steps).to(z).view(z.shape)


def over_slots(direction: Direction, slots: int, which: Sequence[int] | None = None) -> Direction:
    """Return a direction of styles (D,) as one of styles by slot (L, D): of some slots, or all.

    Amounts move each slot by as much as the direction itself would.

    Raises:
        UsageError: there is no such slot.
    """
    chosen = range(slots) if which is None else which
    if any(not 0 <= slot < slots for slot in chosen):
        raise UsageError(f"there are slots 0 to {slots - 1}, not {', '.join(map(str, chosen))}")
    vector = torch.zeros(slots, *direction.vector.shape)
    vector[list(chosen)] = direction.vector
    return Direction(vector, direction.intercept)


def _unit(direction: Direction) -> tuple[Floats, float]:
    """Return n and b of a plane nᵀz + b."""
    vector = direction.vector.detach().cpu().double().flatten().numpy()
    return vector / direction.length, direction.intercept / direction.length


def _independent(columns: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return q and r of the columns that do not depend on others, and which these are."""
    linalg: Any = import_module("scipy.linalg")
    q, r, order = linalg.qr(columns, mode="economic", pivoting=True)
    rank = int((np.abs(np.diag(r)) > LITTLE).sum())
    return q[:, :rank], r[:rank, :rank], np.asarray(order[:rank], np.int64)
