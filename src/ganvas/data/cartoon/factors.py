"""What cartoon faces are made of: factors of a person and of a frame, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Array8 = npt.NDArray[np.uint8]
Range = tuple[float, float]

PART: Final = 68
"""Keeps the numbers of these sets apart from those of any other with such seeds."""

PERSON: Final[Mapping[str, Range]] = {
    "face_w": (0.62, 0.80),
    "face_h": (0.80, 1.02),
    "jaw": (0, 1),  # within the half of the exponents that goes with `gender`
    "eye_sep": (0.26, 0.36),
    "eye_y": (-0.18, -0.05),
    "eye_w": (0.10, 0.15),
    "eye_h": (0.045, 0.085),
    "brow_arch": (0, 0.08),
    "nose_l": (0.26, 0.40),
    "nose_w": (0.09, 0.16),
    "mouth_y": (0.42, 0.55),
    "mouth_w": (0.18, 0.28),
    "lip": (0.03, 0.07),
    "skin": (0, 1),
    "hair_colour": (0, 1),
    "hair_style": (0, 1),
    "iris": (0, 1),
    "age": (0, 1),
    **{f"shirt_{level}": (0.0, 1.0) for level in "rgb"},
}
"""Numbers of one person, uniform between these ends."""
FRAME: Final[Mapping[str, Range]] = {
    "yaw": (-0.60, 0.60),
    "pitch": (-0.30, 0.30),
    "roll": (-0.20, 0.20),
    "scale": (0.72, 0.88),
    "shift_x": (-0.08, 0.08),
    "shift_y": (-0.08, 0.08),
    "brow": (-0.5, 1),
    **{f"ground_{level}": (0.2, 0.9) for level in "rgb"},
}
"""Numbers of one picture of a person."""
SMILING: Final = 0.3
"""A smile of more than this is called one; −.6 to 1 is what there is."""
SMILES: Final[Range] = (-0.6, 1)
SOMETIMES: Final[Mapping[str, tuple[float, float]]] = {"mouth_open": (0.6, 1), "blink": (0.3, 0.9)}
"""How often these are not 0, and how much they are then at most."""
HALVES: Final = ("beard", "grey")
"""There or not; a beard shows with ``gender`` 1 only, grey with an age above .7 only."""
SHARES: Final[Mapping[str, float]] = {"beard": 0.5, "grey": 0.7}

DRAWN: Final = (
    *(*PERSON, *FRAME, "glasses", "gender", "smiling", "smile", *HALVES),
    *(f"{name}_{part}" for name in SOMETIMES for part in ("there", "much")),
)
"""Numbers on [0, 1) of which a face is made, in the order in which they are drawn."""
FACTORS: Final = (*PERSON, *FRAME, "glasses", "gender", "smile", *HALVES, *SOMETIMES)

ATTRIBUTES: Final = ("pose", "smile", "age", "glasses", "gender")
"""In the order of the tags."""
HAIR: Final = ("bald", "short", "fringe", "long")


@dataclass(frozen=True)
class Sampler:
    """How likely attributes are that depend on others.

    Attributes:
        glasses, gender: shares with an age up to .5 and above it.
        smiling: shares with ``gender`` 0 and 1.
    """

    glasses: Range = (0.5, 0.5)
    gender: Range = (0.5, 0.5)
    smiling: Range = (0.4375, 0.4375)


INDEPENDENT: Final = Sampler()
ENTANGLED: Final = Sampler(glasses=(0.15, 0.65), gender=(0.4, 0.65), smiling=(0.65, 0.4))
"""Old people wear glasses more often: what a generator learns of one it then knows of the other."""


@dataclass(frozen=True)
class Faces:
    """Faces as the numbers that they are made of.

    Attributes:
        factors: (N,) of each of `FACTORS`.
    """

    factors: Mapping[str, Float]

    def __len__(self) -> int:
        return len(self.factors["age"])

    def __getitem__(self, factor: str) -> Float:
        return self.factors[factor]

    @classmethod
    def draw(cls, n: int, seed: int, sampler: Sampler = ENTANGLED) -> Faces:
        """Return n faces, each of another person; the first ones are the same for every n."""
        rng = np.random.Generator(np.random.PCG64([PART, seed]))
        drawn = dict(zip(DRAWN, rng.random((n, len(DRAWN))).T, strict=True))
        ranges = {**PERSON, **FRAME}
        found = {name: low + (high - low) * drawn[name] for name, (low, high) in ranges.items()}
        old = found["age"] > 0.5
        for name in ("glasses", "gender"):
            young_share, old_share = getattr(sampler, name)
            found[name] = (drawn[name] < np.where(old, old_share, young_share)).astype(np.float64)
        share = np.where(found["gender"] > 0, sampler.smiling[1], sampler.smiling[0])
        up, much = drawn["smiling"] < share, drawn["smile"]
        low, high = SMILES
        found["smile"] = np.where(up, high - (high - SMILING) * much, low + (SMILING - low) * much)
        for name in HALVES:
            found[name] = (drawn[name] < SHARES[name]).astype(np.float64)
        for name, (share, most) in SOMETIMES.items():
            there = drawn[f"{name}_there"] < share
            found[name] = np.where(there, most * drawn[f"{name}_much"], 0)
        return cls({name: found[name] for name in FACTORS})

    def having(self, **factors: float | Float) -> Faces:
        """Return the same faces with other values of some factors: ``having(glasses=1)``."""
        changed = {name: np.broadcast_to(value, len(self)) for name, value in factors.items()}
        return Faces({**self.factors, **{k: v.astype(np.float64) for k, v in changed.items()}})

    def rows(self, which: slice | npt.NDArray[np.int64]) -> Faces:
        """Return some of the faces."""
        return Faces({name: values[which] for name, values in self.factors.items()})

    def in_frames_of(self, others: Faces) -> Faces:
        """Return these people as others look and hold their heads, before their backgrounds."""
        shown = (*FRAME, "smile", *SOMETIMES)
        return Faces({**self.factors, **{name: others[name] for name in shown}})

    def mirrored(self) -> Faces:
        """Return the faces whose pictures are the mirror images of these."""
        return self.having(**{name: -self[name] for name in ("yaw", "roll", "shift_x")})

    @property
    def tags(self) -> Array8:
        """Which of `ATTRIBUTES` each face has, (N, 5): pose is turned to the picture's right."""
        found = (
            *(self["yaw"] > 0, self["smile"] > SMILING, self["age"] > 0.5),
            *(self["glasses"] > 0, self["gender"] > 0),
        )
        return np.stack(found, axis=1).astype(np.uint8)

    @property
    def clear(self) -> npt.NDArray[np.bool_]:
        """Where attributes are not near the border between having and not having them, (N, 5)."""
        near = [np.abs(self[n] - at) < 0.1 for n, at in (("yaw", 0), ("smile", 0.3), ("age", 0.5))]
        never = np.zeros(len(self), np.bool_)
        return ~np.stack([*near, never, never], axis=1)

    @property
    def jaw_exponent(self) -> Float:
        """How pointed the chin is: .55 to .75 with ``gender`` 1, .75 to 1 with 0."""
        return np.where(self["gender"] > 0, 0.55 + 0.2 * self["jaw"], 0.75 + 0.25 * self["jaw"])

    @property
    def hair(self) -> npt.NDArray[np.int64]:
        """The style of each one's hair, a place in `HAIR`: long with ``gender`` 0 only."""
        styles = np.where(self["gender"] > 0, len(HAIR) - 1, len(HAIR))
        return np.floor(self["hair_style"] * styles).astype(np.int64)

    @property
    def bearded(self) -> Float:
        """Who shows a beard, 0 or 1."""
        return self["beard"] * self["gender"]
