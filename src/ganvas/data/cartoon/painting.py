"""Pictures of cartoon faces: polygons one over another, from the background to the glasses."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ganvas.data.cartoon.factors import HAIR, SMILING, Array8, Faces, Float
from ganvas.data.cartoon.raster import coverage, ribbon
from ganvas.data.cartoon.template import (
    BROWS,
    EDGE,
    EYES,
    JAW,
    LIPS,
    MOUTH,
    NOSTRILS,
    RIDGE,
    Points,
    column,
    in_pixels,
    landmarks_in_space,
    points,
    projected,
)
from ganvas.slices import slices

CHUNK: Final = 128
"""Pictures that are painted at a time."""

Rows = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float32]
"""How much of each pixel is covered, (n, size, size)."""

SKIN: Final = np.array([[0.96, 0.80, 0.68], [0.42, 0.27, 0.18]])
HAIR_COLOURS: Final = np.array(
    [
        *([0.08, 0.07, 0.06], [0.35, 0.2, 0.1], [0.75, 0.55, 0.25]),
        *([0.6, 0.2, 0.1], [0.7, 0.7, 0.7], [0.25, 0.3, 0.6]),
    ]
)
GREY: Final = 4
IRISES: Final = np.array([[0.35, 0.2, 0.1], [0.2, 0.4, 0.75], [0.25, 0.5, 0.25], [0.45, 0.47, 0.5]])
BLACK, WHITE = np.zeros(3), np.ones(3)
FRAMES: Final = np.array([0.08, 0.08, 0.1])
LIP: Final = np.array([0.78, 0.14, 0.22])
BLUSH: Final = np.array([0.90, 0.30, 0.32])
ROSY: Final = 0.75
"""How red cheeks are with a broad smile; with a smile of twice the border they are."""
THROAT: Final = np.array([0.25, 0.05, 0.07])
FOREHEAD: Final = 0.80
"""Height of the half ellipse above the ears."""
RINGS: Final = (0.21, 0.17)
"""Half the height of the rings of glasses, and what half their width is more than half an eye's."""
RIM: Final = 0.075
AGEING: Final = 0.4
"""Age from which wrinkles show and hair turns grey."""
GREYED: Final = 0.7
"""Age from which hair that turns grey is grey."""
WRINKLED: Final = 0.65
"""How dark wrinkles are with age 1."""


def pictures(faces: Faces, size: int) -> Array8:
    """Return faces as uint8 (N, size, size, 3)."""
    found = np.empty((len(faces), size, size, 3), np.uint8)
    for part in slices(len(faces), CHUNK):
        found[part] = _painted(faces.rows(part), size)
    return found


class _Canvas:
    """Pictures of some faces that are being painted, (N, size, size, 3) in [0, 1]."""

    def __init__(self, faces: Faces, size: int) -> None:
        self.faces, self.size = faces, size
        self.x = np.empty((len(faces), size, size, 3), np.float32)

    def fill(
        self,
        outline: Points,
        colour: Float,
        much: Float | None = None,
        within: Points | None = None,
        without: Points | None = None,
    ) -> None:
        """Fill a polygon (N, P, 3) of each head, as densely as (N,) tells; without: opaque.

        What is outside of another polygon, or inside of one, can be left out.
        """
        rows = self._rows(much)
        share = self._share(self._flat(outline, rows))
        if within is not None:
            share = np.minimum(share, self._share(self._flat(within, rows)))
        if without is not None:
            share = np.minimum(share, 1 - self._share(self._flat(without, rows)))
        self._lay(share, colour, much, rows)

    def draw(
        self, line: Points, breadth: Float | float, colour: Float, much: Float | None = None
    ) -> None:
        """Draw a line (N, P, 3) on each head; its breadth is in the head's units."""
        rows = self._rows(much)
        broad = np.broadcast_to(breadth, len(self.x)) * self.faces["scale"]
        edges = ribbon(self._flat(line, rows), broad[rows] * self.size / (2 * EDGE))
        self._lay(self._share(edges), colour, much, rows)

    def _rows(self, much: Float | None) -> Rows:
        return np.arange(len(self.x)) if much is None else np.flatnonzero(much > 0)

    def _flat(self, outline: Points, rows: Rows) -> Float:
        some = np.broadcast_to(outline, (len(self.x), *outline.shape[1:]))[rows]
        return in_pixels(projected(some, self.faces.rows(rows)), self.size)

    def _share(self, corners: Float) -> Shares:
        return coverage(corners, self.size, self.size)

    def _lay(self, share: Shares, colour: Float, much: Float | None, rows: Rows) -> None:
        """Lay a colour, (3,) or (N, 3), on shares of the pixels of some pictures."""
        if much is not None:
            share = share * much[rows, None, None].astype(np.float32)
        colours = np.broadcast_to(colour, (len(self.x), 3))[rows, None, None].astype(np.float32)
        self.x[rows] += share[..., None] * (colours - self.x[rows])


def _painted(faces: Faces, size: int) -> Array8:
    canvas = _Canvas(faces, size)
    marks = landmarks_in_space(faces)
    hair = _hair_colours(faces)
    skin = SKIN[0] + column(faces["skin"]) * (SKIN[1] - SKIN[0])
    _background(canvas)
    _hair_behind(canvas, hair)
    _neck(canvas, skin)
    _shirt(canvas)
    _head(canvas, marks, skin)
    _hair_before(canvas, hair)
    _beard(canvas, marks, hair)
    _eyes(canvas, marks)
    _lines(canvas, marks, skin, hair)
    _cheeks(canvas)
    _mouth(canvas, marks, skin)
    _wrinkles(canvas, marks)
    _glasses(canvas)
    return np.rint(255 * canvas.x.clip(0, 1)).astype(np.uint8)


def _hair_colours(faces: Faces) -> Float:
    drawn = HAIR_COLOURS[np.floor(faces["hair_colour"] * len(HAIR_COLOURS)).astype(np.int64)]
    return drawn + column(faces["grey"] * _greying(faces)) * (HAIR_COLOURS[GREY] - drawn)


def _greying(faces: Faces) -> Float:
    """Return how grey brows are, and hair that turns grey at all: 0 to 1."""
    return ((faces["age"] - AGEING) / (GREYED - AGEING)).clip(0, 1)


def _coded(faces: Faces, without: float, having: float) -> Float:
    """Return for each face the number that goes with its ``gender``."""
    return np.where(faces["gender"] > 0, having, without)


def _levels(faces: Faces, what: str) -> Float:
    return np.stack([faces[f"{what}_{level}"] for level in "rgb"], axis=1)


def _background(canvas: _Canvas) -> None:
    down = (np.arange(canvas.size) + 0.5) / canvas.size
    shade = 1.08 - 0.25 * down
    canvas.x[:] = (_levels(canvas.faces, "ground")[:, None, None] * shade[:, None, None]).clip(0, 1)


def _neck(canvas: _Canvas, skin: Float) -> None:
    half = column(_coded(canvas.faces, 0.24, 0.38))
    x, y = half * np.array([-1, 1, 1, -1]), np.array([[0.45, 0.45, 1.6, 1.6]])
    canvas.fill(points(x, y, -0.1), 0.85 * skin)


def _shirt(canvas: _Canvas) -> None:
    t = np.linspace(-1, 1, 9)
    top = points(t[None], (1.12 + 0.22 * t**2)[None], -0.15)
    base = points(np.array([[1.3, -1.3]]), np.array([[2.2, 2.2]]), -0.15)
    canvas.fill(np.concatenate([top, base], axis=1), _levels(canvas.faces, "shirt"))


def _crown(faces: Faces, wide: float, high: float, z: float, count: int = 13) -> Points:
    """Return a half ellipse above the ears, from the picture's right to its left."""
    angle = np.pi * np.arange(count) / (count - 1)
    across, up = np.cos(angle), np.sin(angle)
    across[count // 2], up[-1] = 0, 0
    bend = -0.35 * np.abs(across) if z == 0 else z
    return points(wide * column(faces["face_w"]) * across, -high * FOREHEAD * up[None], bend)


def _style(faces: Faces, *styles: str) -> Float:
    return np.isin(faces.hair, [HAIR.index(style) for style in styles]).astype(np.float64)


def _hair_behind(canvas: _Canvas, hair: Float) -> None:
    faces = canvas.faces
    crown = _crown(faces, 1.12, 1.14, -0.25)
    short, long = _coded(faces, 0.45, 0.0), np.full(len(faces), 1.0)
    for styles, bottom in ((("short", "fringe"), short), (("long",), long)):
        down = column(bottom)
        ends = [points(side * 1.12 * column(faces["face_w"]), down, -0.25) for side in (-1, 1)]
        canvas.fill(np.concatenate([crown, *ends], axis=1), hair, _style(faces, *styles))


def _head(canvas: _Canvas, marks: Points, skin: Float) -> None:
    faces, jaw = canvas.faces, marks[:, JAW]
    crown = _crown(faces, 1, 1, 0)
    canvas.fill(np.concatenate([jaw, crown], axis=1), skin)
    middle = points(np.zeros((1, 1)), np.array([[-0.80, -0.2, 0.25]]), np.array([[0, 0.2, 0.3]]))
    middle = np.broadcast_to(middle, (len(faces), 3, 3))
    turned = np.sin(faces["yaw"])
    left = [jaw[:, :9], middle[:, ::-1], crown[:, 7:]]
    right = [jaw[:, :7:-1], middle[:, ::-1], crown[:, 5::-1]]
    for half, much in ((left, turned), (right, -turned)):
        canvas.fill(np.concatenate(half, axis=1), 0.5 * skin, 0.6 * much.clip(0))


def _hair_before(canvas: _Canvas, hair: Float) -> None:
    faces = canvas.faces
    crown = _crown(faces, 1.06, 1.1, 0.1)
    t = np.linspace(-1, 1, 7)
    for styles, low, lift in ((("short", "long"), -0.34, 0.2), (("fringe",), -0.24, 0.02)):
        y = low - lift * (1 - t**2)
        edge = points(1.0 * column(faces["face_w"]) * t, y[None], 0.15)
        canvas.fill(np.concatenate([crown, edge], axis=1), hair, _style(faces, *styles))


def _beard(canvas: _Canvas, marks: Points, hair: Float) -> None:
    faces = canvas.faces
    jaw = marks[:, 2:15]
    t = np.linspace(0.8, -0.8, 5)
    y = column(faces["mouth_y"]) - 0.16 + 0.12 * np.abs(t)
    moustache = points(column(faces["face_w"]) * t, y, 0.2 - 0.3 * np.abs(t))
    canvas.fill(np.concatenate([jaw, moustache], axis=1), 0.9 * hair, 0.85 * faces.bearded)


def _eyes(canvas: _Canvas, marks: Points) -> None:
    faces = canvas.faces
    iris = IRISES[np.floor(faces["iris"] * len(IRISES)).astype(np.int64)]
    angle = 2 * np.pi * (np.arange(8) + 0.5) / 8
    radius = column(0.9 * faces["eye_h"])
    for eye, side in zip(EYES, (-1, 1), strict=True):
        lids = marks[:, eye]
        canvas.fill(lids, WHITE)
        x = column(side * faces["eye_sep"]) + radius * np.cos(angle)
        disc = points(x, column(faces["eye_y"]) + radius * np.sin(angle), 0.25)
        canvas.fill(disc, iris, within=lids)
        canvas.draw(lids[:, :4], _coded(faces, 0.06, 0.03), np.full(3, 0.1))


def _lines(canvas: _Canvas, marks: Points, skin: Float, hair: Float) -> None:
    faces = canvas.faces
    dark = 0.55 * hair
    brows = dark + column(_greying(faces)) * (0.85 - dark)
    for brow in BROWS:
        canvas.draw(marks[:, brow], _coded(faces, 0.05, 0.11), brows)
    canvas.draw(marks[:, RIDGE], 0.035, 0.75 * skin)
    canvas.draw(marks[:, NOSTRILS], 0.045, 0.6 * skin)


def _cheeks(canvas: _Canvas) -> None:
    faces = canvas.faces
    angle = 2 * np.pi * np.arange(8) / 8
    much = ROSY * (faces["smile"] / (2 * SMILING)).clip(0, 1)
    for side in (-1, 1):
        x, y = side * 0.42 + 0.15 * np.cos(angle), 0.21 + 0.10 * np.sin(angle)
        canvas.fill(points(x[None], y[None], 0.1), BLUSH, much)


def _mouth(canvas: _Canvas, marks: Points, skin: Float) -> None:
    opened = canvas.faces["mouth_open"]
    red = column(_coded(canvas.faces, 1.0, 0.4))
    canvas.fill(marks[:, LIPS], red * LIP + (1 - red) * 0.9 * skin)
    inner = marks[:, MOUTH]
    canvas.fill(inner, THROAT)
    canvas.draw(inner[:, :5], 0.06, THROAT)
    upper, lower = inner[:, :5], inner[:, [4, 7, 6, 5, 0]]
    teeth = np.concatenate([upper, ((upper + lower[:, ::-1]) / 2)[:, 3:0:-1]], axis=1)
    canvas.fill(teeth, 0.95 * WHITE, (opened > 0.25).astype(np.float64))


def _wrinkles(canvas: _Canvas, marks: Points) -> None:
    faces = canvas.faces
    much = (WRINKLED * (faces["age"] - AGEING) / (1 - AGEING)).clip(0)
    t = np.linspace(-1, 1, 5)
    for y in (-0.54, -0.40):
        line = points(0.55 * column(faces["face_w"]) * t, (y + 0.03 * t**2)[None], 0.25)
        canvas.draw(line, 0.08, BLACK, much)
    for side, nostril in ((-1, 31), (1, 35)):
        start = marks[:, nostril] + np.array([0.05 * side, 0.02, 0])
        x = side * faces["mouth_w"] * 1.45
        end = np.stack([x, faces["mouth_y"] + 0.06, np.full(len(faces), 0.25)], axis=1)
        canvas.draw(np.stack([start, (start + end) / 2, end], axis=1), 0.08, BLACK, much)


def _glasses(canvas: _Canvas) -> None:
    faces = canvas.faces
    worn = faces["glasses"]
    height, add = RINGS
    half = np.minimum(faces["eye_w"] + add, faces["eye_sep"] - 0.04)
    for side in (-1, 1):
        x, y = side * faces["eye_sep"], faces["eye_y"]
        outer, hole = (_square(x, y, half - rim, height - rim) for rim in (0.0, RIM))
        canvas.fill(outer, FRAMES, worn, without=hole)
    inner = faces["eye_sep"] - half
    bridge = points(column(inner) * np.array([-1, 1]), column(faces["eye_y"]), 0.35)
    canvas.draw(bridge, RIM, FRAMES, worn)


def _square(x: Float, y: Float, across: Float, down: Float | float) -> Points:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return points(
        column(x) + column(across) * corners[:, 0],
        column(y) + np.broadcast_to(down, x.shape)[:, None] * corners[:, 1],
        0.35,
    )
