"""Which objects a picture of a room shows, and where: templates of the data set `rooms`.

Panes, shades and covers have colours that nothing else in a room has. A template is a rectangle of
such a colour, as large as the object's smallest; it is laid everywhere on the picture, and an
object is there where half of the least is found that a real room shows of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ganvas.data.procedural.rooms import LATTICE, OBJECTS
from ganvas.errors import UsageError

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Template:
    """A rectangle of one object's colour.

    Attributes:
        height, width: on the lattice of 32 × 32.
        least: how many of its cells have the colour where it is there.
    """

    height: int
    width: int
    least: float


TEMPLATES: Final = {
    "bed": Template(5, 13, 24.0),
    "lamp": Template(4, 5, 10.0),
    "window": Template(8, 9, 10.0),
}


@dataclass(frozen=True)
class FoundObjects:
    """What templates found in N pictures, for each of bed, lamp and window.

    Attributes:
        there: (N, 3) whether the object is there.
        centres: (N, 3, 2) across and down where the middle of its colour is, 0 to 1; of no meaning
            where it is not there.
    """

    there: npt.NDArray[np.bool_]
    centres: Float


def find_objects(images: npt.NDArray[np.uint8]) -> FoundObjects:
    """Return which objects are in uint8 pictures (N, S, S, 3), S a multiple of 32, and where.

    Raises:
        UsageError: the pictures have another form.
    """
    if images.ndim != 4 or images.shape[3] != 3 or any(s % LATTICE for s in images.shape[1:3]):
        raise UsageError(
            f"objects of rooms are looked for in colour pictures of {LATTICE}x{LATTICE} or a whole "
            f"multiple, and these are {images.shape[1:]}"
        )
    n, height, width, _ = images.shape
    cells = images.reshape(n, LATTICE, height // LATTICE, LATTICE, width // LATTICE, 3)
    red, green, blue = np.moveaxis(cells.mean(axis=(2, 4)) / 255, -1, 0)
    colours = {
        # How far a cell is towards the colour: 0 at the nearest other thing in a room, 1 at it.
        "bed": _between(np.maximum(red - green, green - np.maximum(red, blue)), 0.15, 0.25),
        "lamp": _between(np.minimum(red, green) - blue, 0.2, 0.4),
        "window": _between(blue - red, 0.1, 0.4),
    }
    found = [_laid(colours[which], TEMPLATES[which]) for which in OBJECTS]
    there, centres = zip(*found, strict=True)
    return FoundObjects(np.stack(there, axis=1), np.stack(centres, axis=1))


def _between(value: Float, low: float, high: float) -> Float:
    return np.clip((value - low) / (high - low), 0, 1)


def _laid(colour: Float, template: Template) -> tuple[npt.NDArray[np.bool_], Float]:
    """Return whether a template fits somewhere on (N, 32, 32), and the middle of the colour."""
    total = np.pad(colour, ((0, 0), (1, 0), (1, 0))).cumsum(axis=1).cumsum(axis=2)
    h, w = template.height, template.width
    inside = total[:, h:, w:] - total[:, :-h, w:] - total[:, h:, :-w] + total[:, :-h, :-w]
    best = inside.max(axis=(1, 2))
    at = (np.arange(LATTICE) + 0.5) / LATTICE
    weight = np.maximum(colour.sum(axis=(1, 2)), 1e-9)
    across = (colour.sum(axis=1) * at).sum(axis=1) / weight
    down = (colour.sum(axis=2) * at).sum(axis=1) / weight
    return best >= template.least, np.stack([across, down], axis=1)
