"""The 68 landmarks of cartoon faces in space, in iBUG's order, and where they are in pictures.

Half a face is about .7 wide; x to the right of the picture, y down, z towards the viewer. The
picture shows [−1.25, 1.25]².
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ganvas.data.cartoon.factors import Faces, Float

EDGE: Final = 1.25
CENTRE: Final = (0.0, 0.15, 0.0)
"""What heads turn about."""
BELOW: Final = 0.12
"""How far the middle of heads is below the middle of the picture."""
LIFT: Final = 0.24
"""How far a smile of 1 lifts the corners of the mouth: 2.5 pixels of a picture of 32."""

JAW = slice(0, 17)
BROWS = (slice(17, 22), slice(22, 27))
RIDGE, NOSTRILS = slice(27, 31), slice(31, 36)
EYES = (slice(36, 42), slice(42, 48))
LIPS, MOUTH = slice(48, 60), slice(60, 68)

FLIP: Final[npt.NDArray[np.int64]] = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ]
)
"""Which landmark of the mirror image each one is."""

Points = Float
"""Places in space, (N, P, 3)."""


def landmarks_in_space(faces: Faces) -> Points:
    """Return the landmarks (N, 68, 3) of faces that look straight ahead."""
    parts = [_jaw(faces), *_brows(faces), *_nose(faces), *_eyes(faces), *_mouth(faces)]
    return np.concatenate(parts, axis=1)


def landmarks(faces: Faces, size: int) -> Float:
    """Return the landmarks in pixels of pictures of this edge, (N, 68, 2); some may be outside."""
    return in_pixels(projected(landmarks_in_space(faces), faces), size)


def projected(points: Points, faces: Faces) -> Float:
    """Return where points of heads (N, P, 3) are in the picture, (N, P, 2) in its own units."""
    centre = np.array(CENTRE)
    turned = (points - centre) @ _rotations(faces).transpose(0, 2, 1) + centre
    shift = np.stack([faces["shift_x"], faces["shift_y"] + BELOW], axis=1)
    return faces["scale"][:, None, None] * turned[:, :, :2] + shift[:, None]


def in_pixels(places: Float, size: int) -> Float:
    """Return places (…, 2) of the picture's plane in pixels: 0 and ``size`` are its edges."""
    return (places + EDGE) * (size / (2 * EDGE))


def points(x: Float, y: Float, z: Float | float) -> Points:
    """Return points (N, P, 3) of coordinates that are (N, P), or have one row or column."""
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1)


def column(values: Float) -> Float:
    """Return numbers (N,) as (N, 1)."""
    return values[:, None]


def _rotations(faces: Faces) -> Float:
    """Return R_roll · R_yaw · R_pitch, (N, 3, 3)."""
    zero, one = np.zeros(len(faces)), np.ones(len(faces))

    def matrix(*rows: tuple[Float, Float, Float]) -> Float:
        return np.stack([np.stack(row, axis=1) for row in rows], axis=1)

    (cr, sr), (cy, sy), (cp, sp) = (
        (np.cos(faces[angle]), np.sin(faces[angle])) for angle in ("roll", "yaw", "pitch")
    )
    roll = matrix((cr, -sr, zero), (sr, cr, zero), (zero, zero, one))
    yaw = matrix((cy, zero, sy), (zero, one, zero), (-sy, zero, cy))
    pitch = matrix((one, zero, zero), (zero, cp, -sp), (zero, sp, cp))
    return roll @ yaw @ pitch


def _jaw(faces: Faces) -> Points:
    angle = np.pi * np.arange(17) / 16
    # sin π is not quite 0, and its small power not at all: the last ear is as high as the first.
    sine = np.clip(np.sin(angle), 1e-12, None)[None] ** column(faces.jaw_exponent)
    sine[:, [0, -1]] = 0
    y = sine * column(faces["face_h"])
    y[:, 8] += 0.075 * faces["mouth_open"]
    across = np.cos(angle)
    across[8] = 0
    return points(-across * column(faces["face_w"]), y, -0.35 * np.abs(across))


def _eyes(faces: Faces) -> list[Points]:
    height = column(faces["eye_h"] * (1 - faces["blink"]))
    y = column(faces["eye_y"]) + height * np.array([0, -1, -1, 0, 1, 1])
    offsets = column(faces["eye_w"]) * np.array([-1, -0.4, 0.4, 1, 0.4, -0.4])
    return [points(column(faces["eye_sep"]) * side + offsets, y, 0.25) for side in (-1, 1)]


def _brows(faces: Faces) -> list[Points]:
    t = np.linspace(-1, 1, 5)
    y = column(faces["eye_y"] - 1.9 * faces["eye_h"] - 0.12 * faces["brow"])
    y = y - column(faces["brow_arch"]) * (1 - t**2)
    offsets = 1.5 * column(faces["eye_w"]) * t
    return [points(column(faces["eye_sep"]) * side + offsets, y, 0.28) for side in (-1, 1)]


def _nose(faces: Faces) -> list[Points]:
    t = np.arange(4) / 3
    top, length = column(faces["eye_y"]), column(faces["nose_l"])
    ridge = points(np.zeros((1, 1)), top + length * t, 0.3 + 0.3 * t)
    across = column(faces["nose_w"]) * np.linspace(-1, 1, 5)
    return [ridge, points(across, top + 1.12 * length, 0.35)]


def _mouth(faces: Faces) -> list[Points]:
    half = column(faces["mouth_w"] * (1 + 0.25 * faces["smile"]))
    opening = column(0.02 + 0.16 * faces["mouth_open"])
    lip, middle = column(faces["lip"]), column(faces["mouth_y"])

    def line(t: Float, width: float, lowered: Float) -> Points:
        y = middle - LIFT * column(faces["smile"]) * t**2 + lowered * (1 - t**2)
        return points(width * half * t, y, 0.3)

    outer, inner = np.arange(-3, 4) / 3, np.arange(-2, 3) / 2
    return [
        line(outer, 1, -(lip + 0.3 * opening)),
        line(outer[-2:0:-1], 1, lip + opening),
        line(inner, 0.85, -0.3 * opening),
        line(inner[-2:0:-1], 0.85, opening),
    ]
