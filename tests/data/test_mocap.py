"""Captured motions: where parts of the body are is known in closed form, and so is what is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.data.open import open_data
from ganvas.data.procedural import _captures as captures
from ganvas.data.procedural._captures import UNIT, Motion, body_of, motion_of
from ganvas.data.procedural._raster import Canvas, stadium
from ganvas.data.procedural.mocap import ACTIONS, BELOW, EDGE, PITCH, WORN, Mocap
from ganvas.data.procedural.sprites import BACKGROUNDS, figures
from ganvas.data.settings import DataSettings
from ganvas.data.standard import data_root
from ganvas.errors import UsageError
from tests.data.captured import about, pose, urdf, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("data") / "mocap")


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANVAS_DATA", str(folder.parent))
    return folder


# ---- bodies and motions -------------------------------------------------------------------------


def places(folder: Path, **turned: Any) -> dict[str, np.ndarray]:
    body = body_of(folder)
    found, _ = body.joints(pose(**turned)[None])
    return {link.name: found[0, row] / UNIT for row, link in enumerate(body.links)}


def test_a_body_at_rest_stands_above_the_origin(folder: Path) -> None:
    at = places(folder, height=0.9)
    assert at["root"] == pytest.approx([0, 3.6, 0])  # wherever it was captured
    assert at["neck"] == pytest.approx([0, 5.6, 0])
    assert at["left_ankle"] == pytest.approx([0, 0.4, -0.4])
    assert at["right_elbow"] == pytest.approx([0, 4.4, 0.8])


def test_joints_carry_what_hangs_from_them(folder: Path) -> None:
    a, b = 0.7, 0.4
    at = places(folder, left_hip=about("z", a), left_knee=b)
    hip = np.array([0, 3.4, -0.4])
    knee = hip + 1.6 * np.array([np.sin(a), -np.cos(a), 0])
    assert at["left_knee"] == pytest.approx(knee)
    bent = a + b  # a hinge turns within what turns it
    assert at["left_ankle"] == pytest.approx(
        knee + 1.6 * np.array([np.sin(bent), -np.cos(bent), 0])
    )
    assert at["right_ankle"] == pytest.approx([0, 0.2, 0.4])
    turned = places(folder, root=about("y", np.pi / 2))  # x goes to −z, z to x
    assert turned["right_hip"] == pytest.approx([0.4, 3.4, 0], abs=1e-9)


def test_parts_are_capsules_between_their_ends(folder: Path) -> None:
    body = body_of(folder)
    ends = body.ends(pose(left_hip=about("z", np.pi / 2))[None])[0] / UNIT
    of = {part.name: (ends[row], part.radius / UNIT) for row, part in enumerate(body.parts)}
    thigh, radius = of["left_hip"]  # straight ahead, 0.8 ± 0.6 from the hip
    assert radius == pytest.approx(0.2)
    assert sorted(thigh[:, 0].tolist()) == pytest.approx([0.2, 1.4])
    assert thigh[:, 1:] == pytest.approx(np.array([[3.4, -0.4]] * 2), abs=1e-5)
    head, radius = of["neck"]
    assert (head[0] == head[1]).all()
    assert (head[0][1], radius) == pytest.approx((5.7, 0.4))
    foot, radius = of["right_ankle"]  # of a box, its longest edge; 0.8 long in all
    assert radius == pytest.approx(0.15)
    assert np.ptp(foot[:, 0]) + 2 * radius == pytest.approx(0.8)


def test_between_captured_poses_joints_turn_on() -> None:
    """Half-way they have turned half as far, whichever of q and −q a file has."""
    angle = 0.3
    for sign in (1, -1):
        frames = np.stack(
            [[0.5, *pose(0.8)], [0.5, *pose(1.0, chest=sign * about("x", angle), left_knee=-1.0)]]
        )
        motion = Motion(frames, loops=False)
        assert motion.seconds == 0.5
        found = motion.poses(0.0, np.array([0.25]))[0]
        assert found == pytest.approx(
            np.concatenate([[5, 0.9, -7], pose(chest=about("x", angle / 2), left_knee=-0.5)[3:]])
        )


def test_motions_begin_anew_or_rest_at_their_end() -> None:
    rows = [[0.25, *pose(0.5 + 0.1 * k)] for k in range(5)]
    seconds = np.arange(8) / 4
    around = Motion(np.array(rows), loops=True).poses(0.25, seconds)[:, 1]
    assert around == pytest.approx([0.6, 0.7, 0.8, 0.5, 0.6, 0.7, 0.8, 0.5])
    once = Motion(np.array(rows), loops=False)
    assert once.poses(0.9, seconds)[:, 1] == pytest.approx([0.5, 0.6, 0.7, 0.8, *[0.9] * 4])
    late = once.poses(0.5, seconds[:3])[:, 1]  # half a second is seen of one: half of it is left
    assert late == pytest.approx([0.6, 0.7, 0.8])


def test_damaged_files_are_told_of(tmp_path: Path) -> None:
    folder = written(tmp_path / "mocap")
    path = folder / "motions" / "humanoid3d_walk.txt"
    path.write_text('{"Frames": [[1, 2, 3], [1, 2, 3]]}')
    with pytest.raises(UsageError, match=r"walk.txt .* expected two poses or more of 44 numbers"):
        motion_of(folder, "walk")
    path.write_text("[")
    with pytest.raises(UsageError, match=r"walk.txt is no captured motion"):
        motion_of(folder, "walk")
    body = folder / "humanoid.urdf"
    body.write_text(urdf().replace('<parent link="root"/>', '<parent link="left_knee"/>'))
    with pytest.raises(UsageError, match=r"humanoid.urdf is no body: its links form a circle"):
        body_of(folder)
    body.write_text("<robot/>")
    with pytest.raises(UsageError, match="chest is missing"):
        captures.body_of.__wrapped__(folder)


# ---- what is seen -------------------------------------------------------------------------------


def test_stadiums_have_their_area() -> None:
    half, radius = np.array([7.0, 4.0, 0.0]), np.array([2.5, 3.0, 5.0])
    canvas = Canvas.black(3, 40, 1)
    centre = np.full((3, 2), 20.3)
    white = np.full((3, 1), 255.0)
    canvas.paint(centre, 10.0, stadium(half, radius, np.array([0.4, -1.1, 0.0])), white, exact=True)
    area = canvas.pixels.sum(axis=(1, 2, 3)) / 255
    assert np.abs(area / (4 * half * radius + np.pi * radius**2) - 1).max() < 0.02
    points = np.argwhere(canvas.pixels[0, :, :, 0] > 128) + 0.5 - 20.3  # down, across
    turn = np.array([[np.sin(0.4), np.cos(0.4)], [np.cos(0.4), -np.sin(0.4)]])
    along, beside = turn @ points.T
    assert 8.5 < np.abs(along).max() < 9.6
    assert 1.5 < np.abs(beside).max() < 2.6


def drawn(folder: Path, n: int = 6, **factors: int | float) -> Mocap:
    made = Mocap.draw(n, frames=5, size=48)
    for name, value in factors.items():
        made.factors[name][:] = value
    return made


def test_a_camera_goes_around_and_looks_down(here: Path) -> None:
    body = body_of(here)
    part = [p.name for p in body.parts].index("right_ankle")
    made = drawn(here, 4, phase=0.0, label=0)
    made.factors["angle"][:] = np.pi / 2 * np.arange(4)
    foot = body.ends(pose()[None])[0, part].mean(0)
    x, y, z = foot.tolist()
    seen = made.ends(made.factors, made.times[:1], body)[:, 0, part].mean(axis=1)
    for row, (right, away) in enumerate(((x, -z), (z, x), (-x, z), (-z, -x))):
        down = EDGE - BELOW - y * np.cos(PITCH) - away * np.sin(PITCH)
        depth = away * np.cos(PITCH) - y * np.sin(PITCH)
        assert seen[row] == pytest.approx([EDGE / 2 + right, down, depth])


def test_what_is_nearer_hides_what_is_further_away(here: Path) -> None:
    """Along the arms one shoulder hides the other: it is the left one's capsule from one side."""
    sides = []
    for angle in (0.0, np.pi):
        made = drawn(here, 1, angle=angle, phase=0.25, label=0, build=0)
        made.factors["background"][:] = 0
        ends = made.ends(made.factors, made.times[:1], body_of(here))[0, 0]
        names = [part.name for part in body_of(here).parts]
        left, right = (
            ends[names.index(f"{side}_shoulder"), :, 2].mean() for side in ("left", "right")
        )
        sides.append(left < right)
    assert sides == [False, True]
    made = drawn(here, 1, angle=0.0, phase=0.0, label=0, background=0, build=0)
    made.factors["head"][:], made.factors["shirt"][:], made.factors["trousers"][:] = 0, 1, 2
    clip = made.clips()[0, 0].astype(int)
    top = np.abs(clip[:12] - np.array(BACKGROUNDS[0])).max(axis=2) > 60
    red = (clip[:12, :, 0] - clip[:12, :, 2] > 60) & (clip[:12, :, 1] < 110)
    assert (red == top).mean() > 0.95  # only the head is so far up, and it is red


def test_figures_stay_in_the_middle_and_have_their_colours(here: Path) -> None:
    made = drawn(here, 12, background=0)
    clips = made.clips().astype(int)
    figure = np.abs(clips - np.array(BACKGROUNDS[0])).max(axis=4) > 40
    across = figure.any(axis=2)
    middle = (across * np.arange(48)).sum(axis=2) / across.sum(axis=2)
    assert np.abs(middle - 23.5).max() < 8
    other = {**made.factors, "trousers": (made.factors["trousers"] + 1) % 6}
    changed = np.abs(made.render(other, made.times).astype(int) - clips).max(axis=(3, 4)) > 20
    assert changed[:, :, 30:].any(axis=2).all()
    assert not changed[:, :, :10].any()
    slim, broad = (
        made.render({**made.factors, "build": np.full(12, build)}, made.times) for build in (0, 2)
    )
    sizes = [(np.abs(c - np.array(BACKGROUNDS[0])).max(axis=4) > 40).sum() for c in (slim, broad)]
    assert sizes[1] > 1.2 * sizes[0]
    known = {part.name for part in body_of(here).parts}
    assert set(WORN["shirt"]) <= known


def test_unseen_people_are_in_no_other_split(here: Path) -> None:
    small = {"clips": 30, "held_out": 20}
    source = open_data(DataSettings(source="mocap", frames=2, size=16, cache="none", variant=small))
    assert source.splits == ("train", "unseen", "test")
    assert source.spec.class_names == list(ACTIONS)
    unseen = {tuple(row) for row in figures("unseen").tolist()}
    for split in source.splits:
        items = source.items(split)
        names = ("head", "shirt", "trousers", "build")
        rows = {tuple(row) for row in np.stack([items[n] for n in names], 1).tolist()}
        assert rows <= unseen if split == "unseen" else not rows & unseen
        assert items.x[:2].shape == (2, 2, 16, 16, 3)


def test_without_the_captures_one_line_says_what_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANVAS_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="Bring it with `make data SETS=mocap`"):
        open_data(DataSettings(source="mocap"))


@pytest.mark.skipif(not (data_root() / "mocap").is_dir(), reason="needs make data SETS=mocap")
def test_captured_people_walk_on_the_ground() -> None:
    """Their soles are near the ground, legs swing in turn, and heads are as high as people's."""
    made = Mocap.draw(15, frames=8, size=16)
    made.factors["label"][:], made.factors["angle"][:] = np.arange(15), 0.0
    from ganvas.data.procedural.mocap import folder as fetched_folder

    body = body_of(fetched_folder())
    names = [part.name for part in body.parts]
    for name, low, high in (("walk", 1.4, 1.7), ("run", 1.3, 1.7), ("crawl", 0.1, 0.9)):
        motion = motion_of(fetched_folder(), name)
        ends = body.ends(motion.poses(0.0, np.arange(0, motion.seconds, 0.05)))
        head = ends[:, names.index("neck"), 0, 1]
        assert low < head.mean() < high, name
        feet = np.stack([ends[:, names.index(f"{s}_ankle")].mean(1) for s in ("left", "right")], 1)
        assert feet[..., 1].min() > -0.1
        if name == "walk":
            assert np.corrcoef(feet[:, 0, 0], feet[:, 1, 0])[0, 1] < -0.5
            assert feet[..., 1].min(axis=1).max() < 0.15
