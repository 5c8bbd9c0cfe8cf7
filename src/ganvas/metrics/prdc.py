"""Precision, recall, density and coverage from nearest-neighbour balls, exact.

Precision and recall: Kynkaanniemi et al. 2019. Density and coverage: Naeem et al. 2020, equations
3 and 4. Every set is described by balls around its members that reach to their k-th nearest other
member; borders count as inside.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.neighbours import kth_squared_distance, squared_distance_blocks, wide

TIE = 1e-9
"""Relative slack of a squared radius, so that a point on the border is inside despite rounding."""


class Prdc(NamedTuple):
    """The four numbers; all are shares in [0, 1] except density, which is 1 for equal laws."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor, k: int = 5) -> Prdc:
    """Compare real (N, F) with fake (M, F) features.

    precision: share of fakes inside any real ball. recall: share of reals inside any fake ball.
    density: real balls that hold a fake, over k, averaged over fakes. coverage: share of real balls
    that hold a fake.

    Raises:
        UsageError: k is not below both counts, widths differ, or features are not finite.
    """
    x, y = wide(real), wide(fake)
    if x.shape[1] != y.shape[1]:
        raise UsageError(f"feature widths differ: {x.shape[1]} real, {y.shape[1]} fake")
    real_radius = kth_squared_distance(x, k) * (1 + TIE)
    fake_radius = kth_squared_distance(y, k) * (1 + TIE)
    held_by_real, precise, covered = 0, 0, torch.zeros(len(x), dtype=torch.bool, device=x.device)
    recalled = torch.zeros_like(covered)
    for _, squares in squared_distance_blocks(y, x):  # rows: fakes, columns: reals
        in_real = squares <= real_radius
        held_by_real += int(in_real.sum())
        precise += int(in_real.any(1).sum())
        covered |= in_real.any(0)
    for rows, squares in squared_distance_blocks(x, y):  # rows: reals, columns: fakes
        recalled[rows] = (squares <= fake_radius).any(1)
    return Prdc(
        precision=precise / len(y),
        recall=float(recalled.double().mean()),
        density=held_by_real / (k * len(y)),
        coverage=float(covered.double().mean()),
    )


def fitting(k: int, *counts: int) -> int:
    """Return ``k``, or as many neighbours as every vector of the smallest set has."""
    return max(1, min(k, *(count - 1 for count in counts)))


def coverage(real: Tensor, fake: Tensor, k: int = 5) -> float:
    """Return the share of real balls that hold a fake, with half the work of `prdc`."""
    x, y = wide(real), wide(fake)
    radius = kth_squared_distance(x, k) * (1 + TIE)
    covered = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for _, squares in squared_distance_blocks(y, x):
        covered |= (squares <= radius).any(0)
    return float(covered.double().mean())


def expected_coverage(real: int, fake: int, k: int = 5) -> float:
    """Return the coverage of N reals by M fakes of the same continuous law, whatever its shape.

    1 - (N-1)...(N-k) / ((M+N-1)...(M+N-k))   (Naeem et al. 2020, equation 8)
    """
    missed = 1.0
    for i in range(1, k + 1):
        missed *= (real - i) / (fake + real - i)
    return 1 - missed
