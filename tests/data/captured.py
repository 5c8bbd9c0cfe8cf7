"""Captured motions for tests, in the form of those that `make data SETS=mocap` brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ganvas.data.procedural._captures import HINGES, JOINTS
from ganvas.data.procedural.mocap import ACTIONS

OFFSETS = {
    "chest": ("root", (0, 1, 0)),
    "neck": ("chest", (0, 1, 0)),
    **{
        f"{side}_{name}": (f"{side}_{above}" if above in ("hip", "knee", "shoulder") else above, at)
        for side, z in (("right", 0.4), ("left", -0.4))
        for name, above, at in (
            ("hip", "root", (0, 0, z)),
            ("knee", "hip", (0, -1.6, 0)),
            ("ankle", "knee", (0, -1.6, 0)),
            ("shoulder", "chest", (0, 1, 2 * z)),
            ("elbow", "shoulder", (0, -1.2, 0)),
        )
    },
}
"""What each joint hangs from, and where, in units of the body's file."""


def urdf() -> str:
    """Return a body with the humanoid's joints: children before parents, and a zero at the end."""
    balls = '<collision><origin xyz="0 0.3 0"/><geometry><sphere radius="0.4"/></geometry>'
    capsule = (
        '<collision><origin rpy="-1.570796 0 0" xyz="0 -0.8 0"/>'
        '<geometry><capsule length="1.2" radius="0.2"/></geometry>'
    )
    foot = '<collision><origin xyz="0.2 0 0"/><geometry><box size="0.8 0.2 0.4"/></geometry>'
    text = ""
    for name, (above, at) in reversed(OFFSETS.items()):
        kind = foot if "ankle" in name else balls if name in ("chest", "neck") else capsule
        hinge = '<axis xyz="0 0 1"/>' if name in HINGES else ""
        place = " ".join(map(str, at))
        text += f'<link name="{name}">{kind}</collision></link>'
        text += (
            f'<joint name="{name}" type="any"><parent link="{above}"/><child link="{name}"/>'
            f'<origin xyz="{place}"/>{hinge}</joint>'
        )
    return f'<robot name="r">{text}<link name="root">{balls}</collision></link></robot>\n\0'


def pose(height: float = 0.85, **turned: Any) -> np.ndarray:
    """Return a pose (`POSE`,) of a body that stands straight but for some joints."""
    parts = [np.array([5.0, height, -7.0]), np.array(turned.pop("root", (1, 0, 0, 0)), float)]
    for name in JOINTS:
        rest = 0.0 if name in HINGES else (1, 0, 0, 0)
        parts.append(np.atleast_1d(np.array(turned.pop(name, rest), float)))
    assert not turned
    return np.concatenate(parts)


def about(axis: str, angle: float) -> np.ndarray:
    """Return the quaternion of a turn about an axis."""
    q = np.zeros(4)
    q[0], q["wxyz".index(axis)] = np.cos(angle / 2), np.sin(angle / 2)
    return q


def written(folder: Path) -> Path:
    """Write a body and all motions: each turns its left shoulder once, in two seconds."""
    (folder / "motions").mkdir(parents=True)
    (folder / "humanoid.urdf").write_text(urdf())
    (folder / "LICENSE.txt").write_text("zlib")
    for name in ACTIONS:
        frames = [
            [0.1, *pose(left_shoulder=about("z", 2 * np.pi * k / 20)).tolist()] for k in range(21)
        ]
        frames[-1][0] = 0.0
        loop = "none" if name == "kick" else "wrap"
        told = json.dumps({"Loop": loop, "Frames": frames})
        (folder / "motions" / f"humanoid3d_{name}.txt").write_text(told)
    return folder
