"""Which maps of a generator draw an object, and samples without them (Radford et al. 2016, 6.3.2).

Where the object lies in some samples is told; a logistic regression tells a layer's activations at
these places from those at others, and the maps that speak for the object are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.data.readers.regions import Region
from ganvas.errors import UsageError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """What the regression found.

    Attributes:
        weights: of each map, (C,), for activations in units of their standard deviations.
        accuracy: share of the places that it tells rightly, of those that it was fitted to.
        positives: places of the object.
        negatives: other places of the same samples.
    """

    weights: Floats
    accuracy: float
    positives: int
    negatives: int

    @property
    def maps(self) -> list[int]:
        """The maps that speak for the object: those of positive weight."""
        return np.flatnonzero(self.weights > 0).tolist()


def cells_of(mask: Bools, size: tuple[int, int]) -> Bools:
    """Return the places (h, w) of a layer that lie in a mask (H, W) by half at least.

    Of an object that fills half of none it is the place that it fills most.
    """
    pixels = torch.from_numpy(mask).float()[None, None]
    share = F.adaptive_avg_pool2d(pixels, size)[0, 0].numpy()
    return share >= min(0.5, float(share.max()) or 0.5)


def tell(
    maps: Tensor,
    regions: Iterable[Region],
    *,
    strength: float = 1.0,
    seed: int = 0,
) -> Told:
    """Return what tells the places of an object from others, one weight for each map.

    Args:
        maps: a layer's activations (N, C, h, w), of all samples that regions name.
        regions: where the object lies.
        strength: C of the regression: smaller values regularise more.
        seed: of the other places, of which as many are drawn as the object has.

    Raises:
        UsageError: there are no regions, or nothing outside of them.
    """
    height, width = int(maps.shape[2]), int(maps.shape[3])
    held = np.zeros((len(maps), height, width), np.bool_)
    named = set[int]()
    for region in regions:
        held[region.sample] |= cells_of(region.mask, (height, width))
        named.add(region.sample)
    rows = sorted(named)
    columns = maps[rows].permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).double().cpu().numpy()
    inside = held[rows].ravel()
    if not inside.any() or inside.all():
        where = "no place" if not inside.any() else "every place"
        raise UsageError(f"the object fills {where} of the samples: a regression needs both kinds")
    rng = np.random.default_rng(seed)
    outside = np.flatnonzero(~inside)
    others = rng.choice(outside, min(len(outside), int(inside.sum())), replace=False)
    x = np.concatenate([columns[inside], columns[others]])
    y = np.repeat([1, 0], [int(inside.sum()), len(others)])
    spread = x.std(0)
    x = x / np.where(spread > 0, spread, 1)
    linear: Any = import_module("sklearn.linear_model")  # late: a second to import
    machine = linear.LogisticRegression(C=strength, max_iter=1000).fit(x, y)
    return Told(machine.coef_[0], float(machine.score(x, y)), int(y.sum()), len(others))
