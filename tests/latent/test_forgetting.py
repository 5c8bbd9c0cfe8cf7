"""Which maps draw an object."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganvas.data.readers.regions import Region
from ganvas.errors import UsageError
from ganvas.latent.forgetting import Told, cells_of, tell


def test_places_are_those_half_filled_or_else_the_fullest() -> None:
    mask = np.zeros((8, 8), bool)
    mask[0:4, 0:3] = True  # of cells of 4: 12 of 16 pixels in one
    assert np.argwhere(cells_of(mask, (2, 2))).tolist() == [[0, 0]]
    mask[:] = False
    mask[3:5, 1:4] = True  # three pixels in each of two
    assert cells_of(mask, (2, 2)).tolist() == [[True, False], [True, False]]
    mask[3, 1] = False
    assert np.argwhere(cells_of(mask, (2, 2))).tolist() == [[1, 0]]
    assert cells_of(mask, (8, 8)).sum() == 5
    assert not cells_of(mask * False, (2, 2)).any()


def test_the_maps_that_draw_an_object_are_found() -> None:
    """Map 1 is large on the object, map 2 everywhere else; the others are noise."""
    rng = torch.Generator().manual_seed(0)
    maps = torch.rand(12, 4, 4, 4, generator=rng)
    mask = np.zeros((16, 16), bool)
    mask[4:12, 0:8] = True
    maps[:, 1, 1:3, 0:2] += 1
    maps[:, 2] += 1
    maps[:, 2, 1:3, 0:2] -= 1
    told = tell(maps, [Region(i, mask) for i in range(2, 12)])
    assert told.positives == told.negatives == 40
    assert told.accuracy > 0.95
    assert np.argmax(told.weights) == 1
    assert np.argmin(told.weights) == 2
    assert told.maps == [c for c in range(4) if told.weights[c] > 0]
    assert Told(np.array([0.0, -1, 2]), 1, 1, 1).maps == [2]
    weaker = tell(maps, [Region(i, mask) for i in range(2, 12)], strength=1e-3)
    assert abs(weaker.weights).max() < abs(told.weights).max()


def test_an_object_that_is_nowhere_or_everywhere_is_refused() -> None:
    maps = torch.rand(2, 3, 4, 4)
    for share, where in ((False, "no place"), (True, "every place")):
        with pytest.raises(UsageError, match=where):
            tell(maps, [Region(0, np.full((8, 8), share))])
