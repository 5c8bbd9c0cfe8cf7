"""People who move as somebody did: who it is, what it does, and whence it is seen.

Fifteen motions were captured of actors (`make data SETS=mocap`: those that the package pybullet
carries, zlib, as Peng et al. 2018 use them). A figure of balls and capsules has the joints, lengths
and thicknesses of the humanoid that goes with them, clothes of six colours and one of three builds.
A camera that looks down a little goes along with it, so that it stays in the middle, and is turned
around it by any angle. A fifth of all figures is in no clip that is trained on: the split "unseen"
is of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ganvas.data.domain import Domain
from ganvas.data.items import Collection
from ganvas.data.procedural import variant
from ganvas.data.procedural._captures import Body, Motion, body_of, motion_of
from ganvas.data.procedural._clips import (
    Array8,
    Clips,
    ClipVariant,
    Floats,
    classes,
    collected,
    pick,
)
from ganvas.data.procedural._raster import Canvas, stadium
from ganvas.data.procedural.sprites import BACKGROUNDS, COLOURS, figures
from ganvas.data.settings import DataSettings
from ganvas.data.standard import fetched

KIND = "videos"
ACTIONS = (
    *("walk", "run", "jump", "kick", "punch", "cartwheel", "backflip", "spinkick", "spin"),
    *("roll", "crawl", "dance_a", "dance_b", "getup_facedown", "getup_faceup"),
)
BUILDS = {"slim": 0.9, "middling": 1.3, "broad": 1.7}
"""How thick a figure is, over the humanoid it is made after."""
VIEWS = 8
"""Cells of the angle from which a clip is seen."""
EDGE, BELOW = 2.0, 0.15
"""Of what is seen: its edge, and how much of it lies under the ground, in metres."""
PITCH = 0.2
"""By which the camera looks down, in radians."""
NEAR, DARK = 0.45, 0.3
"""What lies so much further away than the hips, in metres, is darker by this share."""
SHOES = (60, 52, 48)
WORN = {
    "head": ("neck", "right_elbow", "left_elbow", "right_wrist", "left_wrist"),
    "shirt": ("chest", "right_shoulder", "left_shoulder"),
    "trousers": ("root", "right_hip", "right_knee", "left_hip", "left_knee"),
}
"""Which parts of the body have the colour of each factor; all others are shoes."""


class Variant(ClipVariant):
    """What captured motions can be told.

    Attributes:
        rate: frames a second.
    """

    rate: float = Field(default=10.0, gt=0)


class Mocap(Clips):
    """Clips of captured motions as the numbers that they are made of."""

    Variant = Variant
    SPLITS = ("train", "unseen", "test")
    CHANCES = 5
    SMALLEST = 16
    slow = True
    variant: Variant

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return who it is, what it does, whence it is seen, and when it begins."""
        who, action, view, phase, behind = chances.T
        known = figures(self.split)
        head, shirt, trousers, build = known[pick(who, len(known))].T
        return {
            "head": head,
            "shirt": shirt,
            "trousers": trousers,
            "build": build,
            "label": pick(action, len(ACTIONS)),
            "view": pick(view, VIEWS),
            "angle": 2 * np.pi * view,
            "phase": phase,
            "background": pick(behind, len(BACKGROUNDS)),
        }

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the clips at some times."""
        count, body = len(times), body_of(folder())
        ends = self.ends(known, times, body).reshape(-1, len(body.parts), 2, 3)
        thick = np.array(list(BUILDS.values()))[known["build"]].repeat(count)
        thick = thick[:, None] * np.array([part.radius for part in body.parts])
        behind = np.array(BACKGROUNDS, np.float64)[known["background"]].repeat(count, axis=0)
        canvas = Canvas(
            np.broadcast_to(behind[:, None, None], (len(ends), self.size, self.size, 3))
        )
        paint = self._colours(known, body).repeat(count, axis=0)
        middle = ends.mean(axis=2)
        shade = 1 - DARK * ((middle[..., 2] / NEAR).clip(-1, 1) + 1) / 2
        scale = self.size / EDGE
        rows = np.arange(len(ends))
        for part in np.argsort(-middle[..., 2], axis=1).T:  # from what is furthest away
            flat = ends[rows, part, :, :2] * scale
            across, radius = flat[:, 1] - flat[:, 0], thick[rows, part] * scale
            half = np.linalg.norm(across, axis=1) / 2
            canvas.paint(
                *(flat.mean(axis=1), float((half + radius).max())),
                stadium(half, radius, np.arctan2(across[:, 1], across[:, 0])),
                paint[rows, part] * shade[rows, part, None],
            )
        return canvas.levels().reshape(-1, count, self.size, self.size, 3)

    def ends(self, known: Mapping[str, npt.NDArray[Any]], times: Floats, body: Body) -> Floats:
        """Return both ends of each part of figures, (n, T, parts, 2, 3).

        Metres to the right of and below the upper left corner of what is seen, and further away
        than the hips.
        """
        told = zip(known["label"].tolist(), known["phase"].tolist(), strict=True)
        seconds = times / self.variant.rate
        moved = [self._motion(action).poses(phase, seconds) for action, phase in told]
        ends = body.ends(np.concatenate(moved))
        ends = ends.reshape(len(moved), len(times), len(body.parts), 2, 3)
        x, y, z = (ends[..., axis] for axis in range(3))
        angle = known["angle"][:, None, None, None]
        right = x * np.cos(angle) + z * np.sin(angle)
        away = x * np.sin(angle) - z * np.cos(angle)
        down = EDGE - BELOW - y * np.cos(PITCH) - away * np.sin(PITCH)
        return np.stack([right + EDGE / 2, down, away * np.cos(PITCH) - y * np.sin(PITCH)], axis=-1)

    @staticmethod
    def _motion(action: int) -> Motion:
        return motion_of(folder(), ACTIONS[action])

    @staticmethod
    def _colours(known: Mapping[str, npt.NDArray[Any]], body: Body) -> Floats:
        """Return the colours of parts of figures, (n, parts, 3)."""
        paints = np.array(list(COLOURS.values()), np.float64)
        found = np.empty((len(known["label"]), len(body.parts), 3))
        found[:] = SHOES
        for factor, names in WORN.items():
            for place, part in enumerate(body.parts):
                if part.name in names:
                    found[:, place] = paints[known[factor]]
        return found


def folder() -> Any:
    """Return where the captures lie.

    Raises:
        UsageError: they are not there.
    """
    return fetched("mocap")


def collection(settings: DataSettings) -> Collection:
    """Return clips labelled by action, with fields for the view, the clothes and the build.

    Raises:
        UsageError: the settings ask for what the set cannot be, or the captures are not there.
    """
    asked = variant(settings, Variant)
    folder()
    domains: dict[str, Domain] = {
        "label": classes(list(ACTIONS)),
        "view": classes([str(k) for k in range(VIEWS)]),
        **{name: classes(list(COLOURS)) for name in ("head", "shirt", "trousers")},
        "build": classes(list(BUILDS)),
    }
    return collected(
        *("mocap", settings, asked, Mocap),
        lambda made: {name: made.factors[name] for name in domains},
        domains,
    )
