"""Whether samples are copies of training items: learning by heart, told from learning well.

A sample is a copy if its nearest training item is at less than a third of the distance of the next
one (Yoon et al. 2023, "Diffusion Probabilistic Models Generalize when They Fail to Memorize"; Gu et
al. 2023). Unlike a border on the distance itself, this does not take samples for copies that are
blurred, crowd in the middle of the data or leave sparse regions out: those are near to all alike.

In few dimensions some fresh items of the data are copies in that sense, too (1/9 in a plane), and
nearly all are of data that repeat themselves. So samples are compared with fresh items, both
against the same training items.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.metrics.neighbours import centre, squared_distance_blocks, vectors_of
from ganvas.metrics.unmeasurable import UnmeasurableError

RATIO = 1 / 3
"""Of the distances of the nearest and the next training item; below it a sample is a copy."""

SAME = 1e-6
"""Squared distances that differ by a smaller share of them are those of equal training items."""

ROUNDING = 1e-12
"""The same, in units of the mean square of the training items' distance from their centre."""


@dataclass(frozen=True)
class Copies:
    """How many samples are copies of training items, and how many fresh items are.

    Attributes:
        share: of the samples.
        fresh: of items that were not trained on.
    """

    share: float
    fresh: float

    @property
    def excess(self) -> float:
        """The share of samples that are copies, beyond that of fresh items: 0 is right, 1 all.

        0 where all fresh items are copies: then samples cannot be blamed for it.
        """
        return 0.0 if self.fresh >= 1 else (self.share - self.fresh) / (1 - self.fresh)


def copies(
    samples: Tensor,
    train: Tensor | Iterable[Tensor],
    *,
    held_out: Tensor | None = None,
    left_out: Tensor | None = None,
) -> Copies:
    """Return which share of samples, and of fresh items, are copies of training items.

    Fresh are the items held out, or training items that are each compared with all others.

    Args:
        samples: (N, F) features, pixels or coordinates.
        train: (M, F) of the training items, or parts of them, which are not kept.
        held_out: (K, F) of items that were not trained on.
        left_out: (K, F) of some of the training items, where nothing was held out.

    Raises:
        UnmeasurableError: too few training items differ from one another.
    """
    assert (held_out is None) != (left_out is None), "fresh items are held out or left out"
    fresh = left_out if held_out is None else held_out
    assert fresh is not None
    asked = torch.cat([vectors_of(samples), vectors_of(fresh).to(samples)])
    levels, equal = _levels(asked, [train] if isinstance(train, Tensor) else train)
    fake, real = levels[: len(samples), :2], levels[len(samples) :]
    if left_out is None:
        real = real[:, :2]
    else:  # itself is no neighbour, but what equals it is one
        repeated = (equal[len(samples) :] > 1)[:, None]
        real = torch.where(repeated, real[:, :2], real[:, 1:])
    if not (fake.isfinite().all() and real.isfinite().all()):
        raise UnmeasurableError("too few training items differ to tell what a copy is")
    return Copies(_share(fake), _share(real))


def are_copies(samples: Tensor, train: Tensor) -> Tensor:
    """Return which of the samples (N, F) are copies of one of the training items (M, F)."""
    return _copied(_levels(vectors_of(samples), [train])[0])


def _copied(levels: Tensor) -> Tensor:
    """Return which (N,) are copies, from squared distances (N, 2 or more) that differ."""
    nearest, following = levels[:, 0].sqrt(), levels[:, 1].sqrt()
    return (nearest < RATIO * following) & following.isfinite()


def _share(levels: Tensor) -> float:
    return float(_copied(levels).double().mean())


def _levels(queries: Tensor, parts: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the three smallest squared distances (N, 3) that differ, and how many are none (N,).

    Equal training items are at one distance, so they count as one.
    """
    levels = torch.full((len(queries), 3), torch.inf, dtype=torch.float64)
    equal = torch.zeros(len(queries), dtype=torch.int64)
    for part in parts:
        gallery = vectors_of(part)
        spread = float((gallery.to(torch.float64) - centre(gallery)).square().sum(1).mean())
        for rows, squares in squared_distance_blocks(queries, gallery):
            equal[rows] += (squares <= ROUNDING * spread).sum(1).cpu()
            found = _smallest(squares, ROUNDING * spread).cpu()
            levels[rows] = _smallest(torch.cat([levels[rows], found], 1), ROUNDING * spread)
    return levels, equal


def _smallest(squares: Tensor, rounding: float) -> Tensor:
    """Return the three smallest numbers that differ, of each row (N, M); overwrites ``squares``."""
    found: list[Tensor] = []
    for _ in range(3):
        least = squares.amin(1, keepdim=True)
        found.append(least)
        squares.masked_fill_(squares <= least * (1 + SAME) + rounding, torch.inf)
    return torch.cat(found, 1)
