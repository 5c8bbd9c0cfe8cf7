"""Captured motions of a humanoid, and where the parts of its body are meanwhile.

Files are those of DeepMimic (Peng et al. 2018): a motion is a list of poses, a pose the seconds
until the next one, the place of the hips, and how each joint is turned: balls by quaternions with
the real part first, hinges by an angle. The body is a URDF of balls, capsules and boxes in quarters
of a metre. y is up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from ganvas.errors import UsageError

Floats = npt.NDArray[np.floating]

BODY: Final = "humanoid.urdf"
MOTIONS: Final = "motions"
UNIT = 0.25
"""Metres in a unit of the body's file."""
JOINTS: Final = (
    *("chest", "neck", "right_hip", "right_knee", "right_ankle", "right_shoulder", "right_elbow"),
    *("left_hip", "left_knee", "left_ankle", "left_shoulder", "left_elbow"),
)
"""In the order of the files of motions."""
HINGES: Final = frozenset(("right_knee", "right_elbow", "left_knee", "left_elbow"))
POSE = 3 + 4 + sum(1 if name in HINGES else 4 for name in JOINTS)
"""Numbers of a pose."""


def quaternions() -> list[slice]:
    """Return where in a pose there are quaternions: of the hips first, then of joints."""
    found, first = [slice(3, 7)], 7
    for name in JOINTS:
        width = 1 if name in HINGES else 4
        if width == 4:
            found.append(slice(first, first + 4))
        first += width
    return found


# ---- motions ------------------------------------------------------------------------------------


class Motion:
    """A captured motion.

    Args:
        frames: (F, 1 + `POSE`), the seconds until the next pose and the pose.
        loops: it begins anew when it is over; else its last pose is held.

    Attributes:
        seconds: how long it takes.
    """

    def __init__(self, frames: Floats, *, loops: bool) -> None:
        self._poses, self.loops = frames[:, 1:].copy(), loops
        self._times = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
        self.seconds = float(self._times[-1])
        for part in quaternions():  # neighbours on one side of the sphere: q and −q turn alike
            turned = (self._poses[1:, part] * self._poses[:-1, part]).sum(axis=1) < 0
            sign = np.where(np.cumsum(turned) % 2, -1.0, 1.0)
            self._poses[1:, part] *= sign[:, None]

    def poses(self, phase: float, seconds: Floats) -> Floats:
        """Return the poses (T, `POSE`) at some seconds of a clip.

        Args:
            phase: when it begins, as a share of all beginnings; motions that do not loop begin
                where as much of them as there is room for is seen.
            seconds: since it began.
        """
        if self.loops:
            at = (phase * self.seconds + seconds) % self.seconds
        else:
            at = phase * max(self.seconds - float(seconds.max()), 0.0) + seconds
        at = at.clip(0, self.seconds)
        last = np.searchsorted(self._times, at, side="right").clip(1, len(self._times) - 1)
        gap = self._times[last] - self._times[last - 1]
        share = ((at - self._times[last - 1]) / np.maximum(gap, 1e-9)).clip(0, 1)[:, None]
        found = (1 - share) * self._poses[last - 1] + share * self._poses[last]
        for part in quaternions():
            found[:, part] /= np.linalg.norm(found[:, part], axis=1, keepdims=True)
        return found


@cache
def motion_of(folder: Path, name: str) -> Motion:
    """Return the motion of this name.

    Raises:
        UsageError: its file is missing or damaged.
    """
    path = folder / MOTIONS / f"humanoid3d_{name}.txt"
    try:
        told = json.loads(path.read_text("utf-8"))
        frames = np.array(told["Frames"], np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no captured motion: {error}.") from None
    if frames.ndim != 2 or frames.shape[1] != 1 + POSE or len(frames) < 2:
        raise UsageError(
            f"{path} is no captured motion of the humanoid: expected two poses or more of "
            f"{1 + POSE} numbers, got {frames.shape}."
        )
    return Motion(frames, loops=told.get("Loop") == "wrap")


# ---- bodies -------------------------------------------------------------------------------------


class Part(NamedTuple):
    """A capsule that goes with a joint; of no length, a ball.

    Attributes:
        name: of the link that it belongs to.
        ends: (2, 3), in metres from the joint.
        radius: in metres.
    """

    name: str
    ends: Floats
    radius: float


@dataclass(frozen=True)
class Link:
    """What hangs from a joint.

    Attributes:
        name: of the link.
        parent: the place of what it hangs from in the list of links; -1: nothing.
        offset: (3,) of the joint in the parent, in metres.
        axis: of a hinge.
    """

    name: str
    parent: int
    offset: Floats
    axis: Floats


class Body:
    """Links from the hips outwards, and the parts that are seen of them."""

    def __init__(self, links: list[Link], parts: list[Part]) -> None:
        self.links, self.parts = links, parts
        self._of = {link.name: place for place, link in enumerate(links)}

    def joints(self, poses: Floats) -> tuple[Floats, Floats]:
        """Return where links are, (n, L, 3), and how they are turned, (n, L, 3, 3).

        The hips are above the origin: they keep their height alone.

        Args:
            poses: (n, `POSE`).
        """
        n = len(poses)
        turns = self._turns(poses)
        places = np.zeros((n, len(self.links), 3))
        rotations = np.empty((n, len(self.links), 3, 3))
        for row, link in enumerate(self.links):
            own = turns.get(link.name, np.eye(3))
            if link.parent < 0:
                places[:, row, 1] = poses[:, 1]
                rotations[:, row] = own
            else:
                above = rotations[:, link.parent]
                places[:, row] = places[:, link.parent] + above @ link.offset
                rotations[:, row] = above @ own
        return places, rotations

    def ends(self, poses: Floats) -> Floats:
        """Return both ends of each part in poses (n, `POSE`): (n, parts, 2, 3), in metres."""
        places, rotations = self.joints(poses)
        of = [self._of[part.name] for part in self.parts]
        local = np.stack([part.ends for part in self.parts])
        turned = np.einsum("npij,pej->npei", rotations[:, of], local)
        return places[:, of, None] + turned

    def _turns(self, poses: Floats) -> dict[str, Floats]:
        """Return how each joint is turned, (n, 3, 3)."""
        root = next(link.name for link in self.links if link.parent < 0)
        found, first = {root: _balls(poses[:, 3:7])}, 7
        for name in JOINTS:
            if name in HINGES:
                axis = self.links[self._of[name]].axis
                turn = Rotation.from_rotvec(poses[:, first, None] * axis)
                found[name] = turn.as_matrix()
                first += 1
            else:
                found[name] = _balls(poses[:, first : first + 4])
                first += 4
        return found


@cache
def body_of(folder: Path) -> Body:
    """Return the body whose motions lie in a folder.

    Raises:
        UsageError: its file is missing or damaged.
    """
    path = folder / BODY
    try:
        robot = ElementTree.fromstring(path.read_text("utf-8").rstrip("\0"))  # it ends in one
        joints = {_named(j, "child"): j for j in robot.findall("joint")}
        links: list[Link] = []
        places: dict[str, int] = {}
        left = [link.attrib["name"] for link in robot.findall("link")]
        while left:
            name = next(n for n in left if n not in joints or _named(joints[n], "parent") in places)
            joint = joints.get(name)
            above = -1 if joint is None else places[_named(joint, "parent")]
            offset = np.zeros(3) if joint is None else _numbers(joint, "origin", "xyz") * UNIT
            hinge = None if joint is None else joint.find("axis")
            axis = np.zeros(3) if hinge is None else _three(hinge.attrib["xyz"])
            links.append(Link(name, above, offset, axis))
            places[name] = len(places)
            left.remove(name)
        parts = [part for link in robot.findall("link") if (part := _part(link)) is not None]
    except (OSError, ElementTree.ParseError, KeyError, ValueError, StopIteration) as error:
        raise UsageError(f"{path} is no body: {str(error) or 'its links form a circle'}.") from None
    missing = [name for name in JOINTS if name not in places]
    if missing:
        raise UsageError(f"{path} is not the humanoid's body: {missing[0]} is missing.")
    return Body(links, parts)


def _part(link: Any) -> Part | None:
    """Return the capsule that a link is seen as; None: nothing is seen of it."""
    shape = link.find("collision/geometry/*")
    if shape is None:
        return None
    middle = _numbers(link, "collision/origin", "xyz") * UNIT
    if shape.tag == "box":  # as long as it is, and as thick as it is on an average
        size = _three(shape.attrib["size"]) * UNIT
        along, radius = np.eye(3)[size.argmax()], float((size.sum() - size.max()) / 4)
        half = max(float(size.max()) / 2 - radius, 0.0)
    else:
        turn = Rotation.from_euler("xyz", _numbers(link, "collision/origin", "rpy"))
        along = turn.as_matrix() @ np.array([0.0, 0.0, 1.0])
        radius = float(shape.attrib["radius"]) * UNIT
        half = float(shape.attrib.get("length", 0)) * UNIT / 2
    ends = np.stack([middle - half * along, middle + half * along])
    return Part(link.attrib["name"], ends, radius)


def _balls(q: Floats) -> Floats:
    """Return the rotations (n, 3, 3) of quaternions (n, 4), the real part first."""
    return Rotation.from_quat(np.roll(q, -1, axis=1)).as_matrix()


def _named(joint: Any, which: str) -> str:
    return joint.find(which).attrib["link"]


def _numbers(element: Any, path: str, key: str) -> Floats:
    found = element.find(path)
    return np.zeros(3) if found is None else _three(found.attrib.get(key, "0 0 0"))


def _three(text: str) -> Floats:
    return np.array([float(word) for word in text.split()])
