"""Bedrooms of coloured rectangles: a bed, a window and a lamp, each there or not, anywhere.

The test bed of DCGAN's toolbox (latent arithmetic, forgetting objects) and of conditions other than
one class. All lengths are whole numbers of a lattice of 32 × 32, which larger pictures repeat: a
room at 64 pixels is the room at 32 with each pixel doubled. What is known of a room:

- ``tags``: which of bed, lamp and window are there;
- ``bed_x``, ``bed_y``, …: where the middle of each is, or would be; 0 is left or top, 1 right or
  bottom;
- ``boxes``: the rectangle in pixels of each one that is there.

Objects are painted one over another: the window, the lamp before it, the bed before both. Each has
a colour of its own kind, which nothing else in the room has: panes are blue, the shade is yellow,
the bed's cover red, green or magenta.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ganvas.data.domain import Domain
from ganvas.data.domains.boxes import Boxes
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.image_options import ImageOptions
from ganvas.data.items import Collection, Items
from ganvas.data.pixels import Array8, show
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError

OBJECTS: Final = ("bed", "lamp", "window")
"""In the order of the tags."""
LATTICE: Final = 32
SIZES: Final = {"train": 8000, "test": 2000}
SEEDS: Final = {"train": 0, "test": 2}
PART: Final = 51
"""Keeps the numbers of this set apart from those of any other with such seeds."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom on the lattice; right and bottom are the first outside."""
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

WHOLE: Final[Mapping[str, tuple[int, int]]] = {
    "horizon": (19, 22),
    "bed_width": (13, 17),
    "bed_bottom": (26, 30),
    "lamp_width": (5, 5),
    "lamp_height": (14, 17),
    "lamp_bottom": (1, 4),  # below the horizon
    "window_width": (9, 12),
    "window_height": (8, 10),
}
"""Lengths that are whole numbers, both ends included and equally likely."""
SHARES: Final[Mapping[str, float]] = {"bed": 0.8, "lamp": 0.5, "window": 0.5, "pillow_right": 0.5}
"""How likely what is there or not is there."""
FREE: Final = (
    *("bed_place", "lamp_place", "window_place", "window_rise"),
    *("wall_value", "wall_warmth", "floor_value", "floor_warmth"),
    *("cover", "cover_value", "cover_colour", "shade_value", "pane_value", "frame_value"),
)
"""Numbers uniform on [0, 1)."""
FACTORS: Final = (*WHOLE, *SHARES, *FREE)
"""Everything that a room is made of, in the order in which it is drawn."""


@dataclass(frozen=True)
class Rooms:
    """Rooms as the numbers that they are made of.

    Attributes:
        factors: (N,) of each of `FACTORS`: whole numbers, 0 or 1, and numbers in [0, 1).
    """

    factors: Mapping[str, npt.NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.factors["bed"])

    @classmethod
    def draw(cls, n: int, seed: int) -> Rooms:
        """Return n rooms; the first ones are the same for every n."""
        rng = np.random.Generator(np.random.PCG64([PART, seed]))
        table = rng.random((n, len(FACTORS)))
        found = dict(zip(FACTORS, table.T, strict=True))
        for name, (low, high) in WHOLE.items():
            found[name] = low + np.floor(found[name] * (high - low + 1))
        for name, share in SHARES.items():
            found[name] = (found[name] < share).astype(np.float64)
        return cls(found)

    def having(self, **factors: float) -> Rooms:
        """Return the same rooms with other values of some factors: ``having(window=0)``."""
        changed = {name: np.full(len(self), value) for name, value in factors.items()}
        return Rooms({**self.factors, **changed})

    def box(self, which: str) -> npt.NDArray[np.int64]:
        """Return the box on the lattice, (N, 4), that an object has, or would have."""
        found = self.factors
        if which == "bed":
            width, bottom = found["bed_width"], found["bed_bottom"]
            top = bottom - 9
        elif which == "lamp":
            width, bottom = found["lamp_width"], found["horizon"] + found["lamp_bottom"]
            top = bottom - found["lamp_height"]
        else:
            width, height = found["window_width"], found["window_height"]
            room = found["horizon"] - 3 - height  # from row 1 to two rows above the floor
            top = 1 + np.floor(found["window_rise"] * (room + 1))
            bottom = top + height
        left = 1 + np.floor(found[f"{which}_place"] * (LATTICE - 1 - width))
        return np.stack([left, top, left + width, bottom], axis=1).astype(np.int64)

    @property
    def tags(self) -> Array8:
        """Which objects are there, (N, 3)."""
        return np.stack([self.factors[which] for which in OBJECTS], axis=1).astype(np.uint8)

    def boxes(self, size: int) -> npt.NDArray[np.int64]:
        """Return the boxes in pixels, (N, 3, 4); four zeros of what is not there."""
        every = np.stack([self.box(which) for which in OBJECTS], axis=1)
        return every * self.tags[:, :, None] * (size // LATTICE)

    def centres(self, which: str) -> npt.NDArray[np.float64]:
        """Return across and down where the middle of an object is or would be, (N, 2) in [0, 1]."""
        box = self.box(which)
        return (box[:, :2] + box[:, 2:]) / (2 * LATTICE)

    def pictures(self, size: int = LATTICE) -> Array8:
        """Return the rooms as uint8 (N, size, size, 3)."""
        small = np.empty((len(self), LATTICE, LATTICE, 3), np.uint8)
        boxes = {which: self.box(which).tolist() for which in OBJECTS}
        columns = {name: column.tolist() for name, column in self.factors.items()}
        for row, canvas in enumerate(small):
            found = {name: column[row] for name, column in columns.items()}
            for (left, top, right, bottom), colour in _painted(
                found, {which: tuple(boxes[which][row]) for which in OBJECTS}
            ):
                canvas[top:bottom, left:right] = [round(255 * level) for level in colour]
        times = size // LATTICE
        return small.repeat(times, axis=1).repeat(times, axis=2)


def collection(settings: DataSettings) -> Collection:
    """Return 8,000 + 2,000 rooms in the size asked for, 32 pixels if none is.

    Raises:
        UsageError: rooms of that size would not be exact.
    """
    size = _size(settings.of(ImageOptions))
    rooms = {split: Rooms.draw(count, SEEDS[split]) for split, count in SIZES.items()}
    numbers = {f"{which}_{axis}": (which, i) for which in OBJECTS for i, axis in enumerate("xy")}
    splits = {
        split: Items(
            {
                "x": some.pictures(size),
                "tags": some.tags,
                **{name: some.centres(which)[:, [i]] for name, (which, i) in numbers.items()},
                "boxes": some.boxes(size),
            }
        )
        for split, some in rooms.items()
    }
    domains: dict[str, Domain] = {
        "tags": Tags(called=list(OBJECTS)),
        **{name: Vector.around(splits["train"][name], [name]) for name in numbers},
        "boxes": Boxes(height=size, width=size, called=list(OBJECTS)),
    }
    return Collection("rooms", splits, domains=domains)


def _size(settings: ImageOptions) -> int:
    height, width = settings.height_width or (LATTICE, LATTICE)
    if height != width or height % LATTICE or settings.resize != "none":
        rule = "" if settings.resize == "none" else f" with data.resize={settings.resize}"
        raise UsageError(
            f"rooms are drawn in the size asked for, which {show((height, width))}{rule} is not: "
            f"expected data.size={LATTICE}, or a whole multiple of it, and no data.resize."
        )
    return height


def _painted(found: Mapping[str, float], boxes: Mapping[str, Box]) -> Iterator[tuple[Box, Colour]]:
    """Yield the rectangles of one room and their colours, from back to front."""
    horizon = int(found["horizon"])
    value, warmth = 0.62 + 0.2 * found["wall_value"], found["wall_warmth"]
    wall = (value, value * (1 - 0.08 * warmth), value * (1 - 0.18 * warmth))
    yield (0, 0, LATTICE, horizon), wall
    value, warmth = 0.3 + 0.2 * found["floor_value"], found["floor_warmth"]
    yield (0, horizon, LATTICE, LATTICE), (value, 0.8 * value, (0.68 - 0.12 * warmth) * value)
    for which, paint in (("window", _window), ("lamp", _lamp), ("bed", _bed)):
        if found[which]:
            yield from paint(found, *boxes[which])


def _window(
    found: Mapping[str, float], left: int, top: int, right: int, bottom: int
) -> Iterator[tuple[Box, Colour]]:
    frame = 0.85 + 0.15 * found["frame_value"]
    pane = 0.85 + 0.15 * found["pane_value"]
    yield (left, top, right, bottom), (frame, frame, frame)
    yield (left + 1, top + 1, right - 1, bottom - 1), (0.45 * pane, 0.7 * pane, pane)
    across, down = (left + right) // 2, (top + bottom) // 2
    yield (across, top, across + 1, bottom), (frame, frame, frame)
    yield (left, down, right, down + 1), (frame, frame, frame)


def _lamp(
    found: Mapping[str, float], left: int, top: int, right: int, bottom: int
) -> Iterator[tuple[Box, Colour]]:
    middle, dark = (left + right) // 2, (0.15, 0.13, 0.12)
    shade = 0.85 + 0.15 * found["shade_value"]
    yield (middle, top, middle + 1, bottom), dark
    yield (middle - 1, bottom - 1, middle + 2, bottom), dark
    yield (left, top, right, top + 4), (shade, 0.86 * shade, 0.35 * shade)


def _bed(
    found: Mapping[str, float], left: int, top: int, right: int, bottom: int
) -> Iterator[tuple[Box, Colour]]:
    wood, cover = (0.38, 0.24, 0.14), _cover(found)
    turned = bool(found["pillow_right"])
    head = right - 1 if turned else left
    pillow = right - 5 if turned else left + 1
    yield (left, bottom - 6, right, bottom - 1), cover
    yield (head, top, head + 1, bottom), wood
    foot = left if turned else right - 1
    yield (foot, bottom - 1, foot + 1, bottom), wood
    yield (pillow, bottom - 6, pillow + 4, bottom - 4), (0.95, 0.95, 0.95)


def _cover(found: Mapping[str, float]) -> Colour:
    """Return a red, green or magenta that is far from the colours of panes and shades."""
    which = 3 * found["cover"]
    start, span = ((348, 24), (108, 24), (300, 40))[int(which)]
    hue = (start + span * (which % 1)) / 360 % 1
    saturation, value = 0.65 + 0.25 * found["cover_colour"], 0.5 + 0.3 * found["cover_value"]
    return colorsys.hsv_to_rgb(hue, saturation, value)
