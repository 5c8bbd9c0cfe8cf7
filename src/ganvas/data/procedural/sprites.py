"""Little figures that do things: what they wear is one factor, what they do is another.

A figure has a head, a shirt and trousers, each in one of six colours, and one of three widths; it
stands before a soft colour and does one of six things over and over, from anywhere in its period.
A fifth of all figures is in no clip that is trained on: the split "unseen" is of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data.domain import Domain
from ganvas.data.items import Collection
from ganvas.data.laws import REFERENCE_SEED
from ganvas.data.procedural import variant
from ganvas.data.procedural._clips import (
    Array8,
    Clips,
    ClipVariant,
    Floats,
    Numbers,
    between,
    classes,
    collected,
    pick,
)
from ganvas.data.procedural._raster import Canvas, disc, rectangle
from ganvas.data.settings import DataSettings

KIND = "videos"
ACTIONS = ("walk", "jump", "wave-left", "wave-right", "squat", "spin")
COLOURS = {
    "red": (220, 50, 47),
    "yellow": (240, 200, 40),
    "green": (60, 160, 70),
    "blue": (50, 90, 200),
    "white": (245, 245, 245),
    "black": (35, 35, 40),
}
WIDTHS = {"slim": 0.12, "middling": 0.17, "broad": 0.22}
"""Of the trunk, as a share of the edge."""
BACKGROUNDS = ((205, 222, 235), (224, 214, 232), (214, 232, 210), (238, 224, 200))
UNSEEN = 0.2
"""Share of all figures that are held out."""
SHORTEST, LONGEST = 8, 14
"""Frames of a period."""
HIP, SHOULDER = 0.62, 0.36
"""How far down they are when the figure stands, as shares of the edge."""
LEG, ARM, HEAD = 0.28, 0.24, 0.09
"""Length of limbs and radius of the head, likewise."""


class Variant(ClipVariant):
    """What such figures can be told: nothing but how many clips there are."""


class Sprites(Clips):
    """Clips of figures as the numbers that they are made of."""

    Variant = Variant
    SPLITS = ("train", "unseen", "test")
    CHANCES = 5
    SMALLEST = 16

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return who it is, what it does, when it begins and how long it takes."""
        who, action, phase, period, behind = chances.T
        known = figures(self.split)
        head, shirt, trousers, width = known[pick(who, len(known))].T
        return {
            "head": head,
            "shirt": shirt,
            "trousers": trousers,
            "width": width,
            "label": pick(action, len(ACTIONS)),
            "phase": 2 * np.pi * phase,
            "period": between(period, SHORTEST, LONGEST),
            "background": pick(behind, len(BACKGROUNDS)),
        }

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the clips at some times."""
        count = len(times)
        each = {name: values.repeat(count) for name, values in known.items()}
        now = np.tile(times, len(known["label"]))
        pose = Pose.of(each["label"], 2 * np.pi * now / each["period"] + each["phase"])
        width = np.array(list(WIDTHS.values()))[each["width"]]
        paints = np.array(list(COLOURS.values()), np.float64)
        shirt, trousers, skin = (paints[each[name]] for name in ("shirt", "trousers", "head"))
        behind = np.array(BACKGROUNDS, np.float64)[each["background"]]
        room = (len(now), self.size, self.size, 3)
        canvas = Canvas(np.broadcast_to(behind[:, None, None], room))
        hip, shoulder = HIP + pose.drop, SHOULDER + pose.drop
        for side in (0, 1):
            sign = 2 * side - 1
            foot = sign * width * 0.28 * pose.turned
            self._limb(canvas, foot, hip, pose.legs[side], LEG * pose.bent, 0.035, trousers)
            hand = sign * (width / 2 + 0.01) * pose.turned
            self._limb(canvas, hand, shoulder + 0.02, pose.arms[side], ARM, 0.028, 0.72 * shirt)
        half = np.stack([width / 2 * pose.turned, np.full(len(now), (HIP - SHOULDER) / 2)], axis=1)
        middle = np.stack([np.full(len(now), 0.5), (hip + shoulder) / 2], axis=1)
        self._paint(canvas, middle, half, np.zeros(len(now)), shirt)
        centre = np.stack([np.full(len(now), 0.5), shoulder - HEAD], axis=1) * self.size
        radius = np.full(len(now), HEAD * self.size)
        canvas.paint(centre, HEAD * self.size, disc(radius), skin)
        return canvas.levels().reshape(-1, count, self.size, self.size, 3)

    def _limb(
        self,
        canvas: Canvas,
        across: Floats,
        down: Floats,
        angle: Floats,
        length: Floats | float,
        thick: float,
        colour: Floats,
    ) -> None:
        """Paint a limb that hangs from a joint at an angle, 0 straight down, more to the right."""
        half = np.broadcast_to(length, angle.shape) / 2
        centre = np.stack(
            [0.5 + across + half * np.sin(angle), down + half * np.cos(angle)], axis=1
        )
        edges = np.stack([np.full(len(angle), thick), half], axis=1)
        self._paint(canvas, centre, edges, -angle, colour)

    def _paint(
        self, canvas: Canvas, centre: Floats, half: Floats, turn: Floats, colour: Floats
    ) -> None:
        edges = half * self.size
        reach = float(np.linalg.norm(edges, axis=1).max())
        canvas.paint(centre * self.size, reach, rectangle(edges, turn), colour)


class Pose:
    """How figures (n,) stand at a moment.

    Args:
        n: how many.

    Attributes:
        drop: how far they are below where they stand, as a share of the edge.
        legs, arms: angles of the left and the right one.
        bent: how much is left of their legs' length.
        turned: how much is seen of their width.
    """

    def __init__(self, n: int) -> None:
        self.drop, self.bent, self.turned = np.zeros(n), np.ones(n), np.ones(n)
        self.legs = [np.zeros(n), np.zeros(n)]
        self.arms = [np.full(n, -0.25), np.full(n, 0.25)]

    @classmethod
    def of(cls, action: Numbers, phase: Floats) -> Pose:
        """Return the poses of actions at phases of their periods."""
        pose = cls(len(action))
        swing = np.sin(phase)
        rows = [action == place for place in range(len(ACTIONS))]
        walk, jump, wave_left, wave_right, squat, spin = rows
        for side in (0, 1):
            sign = 2 * side - 1
            pose.legs[side][walk] = (0.55 * sign * swing)[walk]
            pose.arms[side][walk] = (-0.5 * sign * swing)[walk]
            pose.arms[side][jump] = sign * (0.3 + 1.6 * np.maximum(swing, 0))[jump]
            pose.legs[side][squat] = sign * (0.45 * (1 - np.cos(phase)) / 2)[squat]
            pose.arms[side][squat] = sign * (0.3 + 0.9 * (1 - np.cos(phase)) / 2)[squat]
            pose.arms[side][spin] = sign * (1.45 * np.abs(np.cos(phase / 2)) + 0.1)[spin]
        pose.drop[jump] = -0.14 * np.maximum(swing, 0)[jump]
        pose.drop[squat] = 0.11 * ((1 - np.cos(phase)) / 2)[squat]
        pose.bent[squat] = 1 - 0.34 * ((1 - np.cos(phase)) / 2)[squat]
        pose.turned[spin] = np.maximum(np.abs(np.cos(phase / 2)), 0.35)[spin]
        pose.arms[0][wave_left] = (-2.4 + 0.55 * swing)[wave_left]
        pose.arms[1][wave_right] = (2.4 - 0.55 * swing)[wave_right]
        return pose


def figures(split: str) -> Numbers:
    """Return the figures of a split, (K, 4): head, shirt, trousers, width."""
    every = np.array(list(product(range(6), range(6), range(6), range(3))), np.int64)
    order = np.random.Generator(np.random.PCG64(REFERENCE_SEED)).permutation(len(every))
    count = round(UNSEEN * len(every))
    return every[order[:count] if split == "unseen" else order[count:]]


def collection(settings: DataSettings) -> Collection:
    """Return clips labelled by action, with fields ``head``, ``shirt``, ``trousers``, ``width``.

    Raises:
        UsageError: the settings ask for what the set cannot be.
    """
    asked = variant(settings, Variant)
    domains: dict[str, Domain] = {
        "label": classes(list(ACTIONS)),
        **{name: classes(list(COLOURS)) for name in ("head", "shirt", "trousers")},
        "width": classes(list(WIDTHS)),
    }
    return collected(
        *("sprites", settings, asked, Sprites),
        lambda made: {name: made.factors[name] for name in domains},
        domains,
    )
