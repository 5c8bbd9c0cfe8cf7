"""Directions in a space of latents: planes that part it, and ways to move latents across them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from ganvas.errors import UsageError


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction v, and the plane ⟨v, z⟩ + b = 0 that parts latents with more from such with less.

    Learnt ones have a normal v of length 1 (InterFaceGAN); of exemplars v is the way from one mean
    to the other (DCGAN), so that amount 1 is all of it.

    Attributes:
        vector: v, in the shape of a latent, float32.
        intercept: b.
    """

    vector: Tensor
    intercept: float

    @property
    def length(self) -> float:
        """‖v‖."""
        return float(self.vector.double().square().sum().sqrt())

    def distances(self, z: Tensor) -> Tensor:
        """Return signed distances from the plane, (⟨v, z⟩ + b)/‖v‖, float64 (N,), of (N, …)."""
        along = z.double().flatten(1) @ self.vector.double().flatten()
        return (along + self.intercept) / self.length

    def moved(self, z: Tensor, amount: float) -> Tensor:
        """Return latents z + amount · v, of (N, …)."""
        return z + amount * self.vector

    def brought(self, z: Tensor, distance: float) -> Tensor:
        """Return latents moved along v until they are at a signed distance from the plane."""
        steps = (distance - self.distances(z)) / self.length
        return z + steps.to(z).view(-1, *[1] * (z.dim() - 1)) * self.vector


def between(plus: Tensor, minus: Tensor) -> Direction:
    """Return the direction from the mean of some latents to that of others (Radford et al. 2016).

    The plane is half-way between the means.

    Args:
        plus: latents with more of something, (n, …).
        minus: latents with less, (m, …).

    Raises:
        UsageError: the means are equal.
    """
    vector = total([(1, plus), (-1, minus)])
    if not bool(vector.any()):
        raise UsageError("the means of both groups of latents are equal: there is no direction")
    middle = (total([(1, plus)]) + total([(1, minus)])).double() / 2
    return Direction(vector, -float((vector.double() * middle).sum()))


def total(terms: Sequence[tuple[int, Tensor]]) -> Tensor:
    """Return the sum of the means of groups of latents, each with its sign: A − B + C.

    Sums are exact until they are rounded once, so that a − b + b is a.

    Args:
        terms: signs, and groups (n, …), of at least one latent each.

    Raises:
        UsageError: there are none, or a group is empty.
    """
    if not terms or not all(len(group) for _, group in terms):
        raise UsageError("latents are added up in groups of one or more")
    alone = all(len(group) == 1 for _, group in terms)
    parts = [sign * (g if alone else g.double().mean(0, keepdim=True)) for sign, g in terms]
    flat = cast(list[list[float]], torch.cat(parts).flatten(1).T.tolist())
    sums = torch.tensor([math.fsum(numbers) for numbers in flat], dtype=torch.float64)
    return sums.view(terms[0][1].shape[1:]).float()


def neighbours(z: Tensor, count: int, spread: float, generator: torch.Generator) -> Tensor:
    """Return latents around one, (…): each number moved by up to ``spread``, (count, …)."""
    offsets = 2 * torch.rand(count, *z.shape, generator=generator) - 1
    return z + spread * offsets
