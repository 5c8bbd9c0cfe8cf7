"""Rendered figures of a role-playing game, dressed from parts: who it is, and what it does.

The sprites are Flare's (CC-BY-SA 3.0; `make data SETS=heroes`): two bodies, and for each of five
places on them some parts; eight actions, seen from eight directions. A figure is composed of its
parts from back to front, as the game does it. A fifth of all figures is in no clip that is trained
on: the split "unseen" is of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

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
    classes,
    collected,
    pick,
)
from ganvas.data.settings import DataSettings
from ganvas.data.standard import fetched

KIND = "videos"
ACTIONS = ("stance", "run", "swing", "cast", "shoot", "block", "hit", "die")
BODIES = ("male", "female")
PLACES: Mapping[str, tuple[str, ...]] = {
    "feet": (
        *("default_feet", "cloth_sandals", "leather_boots", "chain_boots", "plate_boots"),
        *("mage_boots", "mage_boots_alt1", "mage_boots_alt2"),
    ),
    "legs": (
        *("default_legs", "cloth_pants", "leather_pants", "chain_greaves", "plate_greaves"),
        *("mage_skirt", "mage_skirt_alt1", "mage_skirt_alt2"),
    ),
    "hands": (
        *("default_hands", "cloth_gloves", "leather_gloves", "chain_gloves", "plate_gauntlets"),
        *("mage_sleeves", "mage_sleeves_alt1", "mage_sleeves_alt2"),
    ),
    "chest": (
        *("default_chest", "cloth_shirt", "leather_chest", "chain_cuirass", "plate_cuirass"),
        *("mage_vest", "mage_vest_alt1", "mage_vest_alt2"),
    ),
    "head": ("hair", "chain_coif", "leather_hood", "plate_helm", "mage_hood", "mage_hood_alt2"),
}
HAIR = {"male": "head_short", "female": "head_long"}
LAYERS = "hero_layers.txt"
DIRECTIONS = 8
UNSEEN = 0.2
CANVAS, FOOT = 64, (32, 46)
"""Edge in the game's pixels, and where the figure stands on it, across and down."""
BEHIND = (96, 104, 96)
ONCE = "die"
"""What is done once in a clip; all else goes on and on."""
HOLD = 2
"""Frames that a picture of other actions than running is shown."""


class Variant(ClipVariant):
    """What heroes can be told: nothing but how many clips there are."""


class Sprite(NamedTuple):
    """One picture of a part, and where its corner lies from the foot, left and up."""

    picture: Image.Image
    left: int
    up: int


class Heroes(Clips):
    """Clips of figures as the numbers that they are made of."""

    Variant = Variant
    SPLITS = ("train", "unseen", "test")
    CHANCES = 4
    SMALLEST = 16
    slow = True

    def read(self, chances: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return who it is, what it does, whence it is seen, and when it begins."""
        who, action, direction, phase = chances.T
        known = figures(self.split)
        chosen = known[pick(who, len(known))]
        return {
            "body": chosen[:, 0],
            **{place: chosen[:, 1 + i] for i, place in enumerate(PLACES)},
            "label": pick(action, len(ACTIONS)),
            "direction": pick(direction, DIRECTIONS),
            "phase": pick(phase, 16),
        }

    def render(self, known: Mapping[str, npt.NDArray[Any]], times: Floats) -> Array8:
        """Return the clips at some times."""
        n, moments = len(known["label"]), times.astype(np.int64).tolist()
        out = np.empty((n, len(moments), self.size, self.size, 3), np.uint8)
        for row in range(n):
            told = {name: int(values[row]) for name, values in known.items()}
            drawn: dict[int, Array8] = {}
            for place, t in enumerate(moments):
                pose = moment(ACTIONS[told["label"]], t + told["phase"], t, len(moments))
                if pose not in drawn:
                    drawn[pose] = self._drawn(told, pose)
                out[row, place] = drawn[pose]
        return out

    def _drawn(self, told: Mapping[str, int], pose: int) -> Array8:
        canvas = Image.new("RGBA", (CANVAS, CANVAS), (*BEHIND, 255))
        body = BODIES[told["body"]]
        for layer in layers()[told["direction"]]:
            if layer not in PLACES:
                continue  # nothing is held in the hands
            name = PLACES[layer][told[layer]]
            poses = part(body, HAIR[body] if name == "hair" else name)
            sprite = poses.get((ACTIONS[told["label"]], pose, told["direction"]))
            if sprite is not None:
                at = (FOOT[0] - sprite.left, FOOT[1] - sprite.up)
                canvas.alpha_composite(sprite.picture, (max(at[0], 0), max(at[1], 0)))
        small = canvas.convert("RGB").resize((self.size, self.size), Image.Resampling.BOX)
        return np.asarray(small)


def moment(action: str, count: int, t: int, length: int) -> int:
    """Return which picture of an action is seen.

    Args:
        action: what is done.
        count: frames since some moment.
        t: frames since the clip began.
        length: frames of the clip.
    """
    pictures = {"run": 8, "die": 6, "block": 2, "hit": 2}.get(action, 4)
    if action == ONCE:
        return min(t * pictures * 4 // (3 * length), pictures - 1)
    if action == "run":
        return count % pictures
    last = pictures - 1
    return last - abs(count // HOLD % (2 * last) - last)


def figures(split: str) -> Numbers:
    """Return the figures of a split, (K, 6): body and parts."""
    counts = (len(BODIES), *map(len, PLACES.values()))
    every = np.array(list(product(*map(range, counts))), np.int64)
    order = np.random.Generator(np.random.PCG64(REFERENCE_SEED)).permutation(len(every))
    count = round(UNSEEN * len(every))
    return every[order[:count] if split == "unseen" else order[count:]]


@cache
def layers() -> list[list[str]]:
    """Return, for each direction, the places from back to front."""
    lines = (folder() / LAYERS).read_text("utf-8").splitlines()
    told = (line.removeprefix("layer=").split(",") for line in lines if line.startswith("layer="))
    known = {int(direction): order for direction, *order in told}
    return [known[direction] for direction in range(DIRECTIONS)]


@cache
def part(body: str, name: str) -> dict[tuple[str, int, int], Sprite]:
    """Return the pictures of a part by action, picture and direction."""
    with Image.open(folder() / "images" / body / f"{name}.png") as picture:
        sheet = picture.convert("RGBA")
    action = ""
    found: dict[tuple[str, int, int], Sprite] = {}
    text = (folder() / "animations" / body / f"{name}.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            action = line.strip("[] \r")
        elif line.startswith("frame="):
            number, direction, x, y, width, height, left, up = map(int, line[6:].split(","))
            crop = sheet.crop((x, y, x + width, y + height))
            found[action, number, direction] = Sprite(crop, left, up)
    return found


def folder() -> Path:
    """Return where the sprites lie.

    Raises:
        UsageError: they are not there.
    """
    return fetched("heroes")


def collection(settings: DataSettings) -> Collection:
    """Return clips labelled by action, with fields for direction, body and each part of it.

    Raises:
        UsageError: the settings ask for what the set cannot be, or the sprites are not there.
    """
    asked = variant(settings, Variant)
    folder()
    domains: dict[str, Domain] = {
        "label": classes(list(ACTIONS)),
        "direction": classes([str(k) for k in range(DIRECTIONS)]),
        "body": classes(list(BODIES)),
        **{place: classes(list(parts)) for place, parts in PLACES.items()},
    }
    return collected(
        *("heroes", settings, asked, Heroes),
        lambda made: {name: made.factors[name] for name in domains},
        domains,
    )
