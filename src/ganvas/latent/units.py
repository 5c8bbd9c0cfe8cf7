"""What excites the units of a network most: images, and where in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.slices import slices

BATCH = 128


class Excited(NamedTuple):
    """What excites a unit.

    Attributes:
        rows: which images, the most exciting first, (n,).
        responses: of the unit where it is largest, (n,).
        boxes: left, top, right and bottom of what is seen there, as shares of the edges, (n, 4).
    """

    rows: Tensor
    responses: Tensor
    boxes: Tensor


@torch.no_grad()
def most_excited(
    maps: Callable[[Tensor], Tensor], images: Tensor, unit: int, top: int = 9
) -> Excited:
    """Return the images that excite a unit most, each with the region that does.

    Args:
        maps: gives the maps (N, C, h, w) of images.
        images: (N, …, H, W).
        unit: number of the map.
        top: how many images.
    """
    found = [maps(images[part])[:, unit] for part in slices(len(images), BATCH)]
    each = torch.cat(found).flatten(1)
    height, width = found[0].shape[1:]
    responses, places = each.max(1)
    best = responses.argsort(descending=True, stable=True)[:top]
    row, column = places[best] // width, places[best] % width
    # a place of a map sees about twice what lies below it alone
    edges = [(column - 0.5) / width, (row - 0.5) / height]
    edges += [(column + 1.5) / width, (row + 1.5) / height]
    return Excited(best, responses[best], torch.stack(edges, 1).clamp(0, 1))
