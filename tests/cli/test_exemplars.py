"""``ganvas walk``, ``directions``, ``edit`` and ``arithmetic`` on tiny models."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas as library
from ganvas.cli.exemplars import places
from ganvas.errors import UsageError
from tests.cli.conftest import Ganvas
from tests.model.conftest import saved
from tests.model.test_styled_models import model_of


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "pictures"
    saved(folder, "pictures")
    return folder


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "points"
    saved(folder, "points")
    return folder


def test_samples_in_words() -> None:
    assert places("3, 0-2,5:17", "--seeds") == [(3, 0), (0, 0), (1, 0), (2, 0), (5, 17)]
    for words in ("", "a", "3-1", "-1", "1:2:3", "0-99999999", "1.5", "²"):
        with pytest.raises(UsageError, match=r"--seeds .*: expected seeds, such as 0,1,2"):
            places(words, "--seeds")


def test_a_walk_as_a_picture_an_animation_and_an_array(
    ganvas: Ganvas, pictures: Path, tmp_path: Path
) -> None:
    words = ("walk", pictures, "--seeds", "0-2", "--steps", "4")
    assert "7 samples" in ganvas(*words, "--out", tmp_path / "walk.png").out
    with Image.open(tmp_path / "walk.png") as picture:
        assert picture.size == (4 * 66 - 2, 2 * 66 - 2)  # a row for each leg, tiles of 64
    said = ganvas(*words, "--loop", "--out", tmp_path / "walk.gif", "--rate", "10")
    assert "9 samples" in said.out
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.size == (256, 256)
        assert film.info["loop"] == 0
    assert ganvas(*words, "--out", tmp_path / "walk.npy", "truncation=0.5").code == 0
    assert np.load(tmp_path / "walk.npy").shape == (7, 16, 16, 1)
    around = ("walk", pictures, "--how", "circle", "--seeds", "0,1", "--steps", "4")
    assert "12 samples" in ganvas(*around, "--out", tmp_path / "circle.png").out
    assert ganvas(*words, "--out", tmp_path / "again.npy", "truncation=0.5").code == 0
    assert np.array_equal(np.load(tmp_path / "walk.npy"), np.load(tmp_path / "again.npy"))


def test_points_walk_too(ganvas: Ganvas, points: Path, tmp_path: Path) -> None:
    words = ("walk", points, "--seeds", "0,1", "--steps", "3", "--out")
    for name in ("walk.png", "walk.gif", "walk.csv"):
        assert ganvas(*words, tmp_path / name).code == 0


def test_walks_that_are_refused(
    ganvas: Ganvas, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    said = ganvas("walk", pictures, "--out", tmp_path / "walk.mp4")
    assert said.code == 2
    assert "pip install 'ganvas[video]'" in said.error
    said = ganvas("walk", pictures, "--out", tmp_path / "walk.gif", "--rate", "0")
    assert "frames a second" in said.error
    said = ganvas("walk", pictures, "--how", "circle", "--out", tmp_path / "walk.gif")
    assert "name two, such as --seeds 0,1" in said.error
    said = ganvas("walk", pictures, "--out", tmp_path / "walk.avi")
    assert "Cannot save images as 'walk.avi'" in said.error
    said = ganvas("walk", pictures, "--seeds", "x", "--out", tmp_path / "walk.gif")
    assert "--seeds x: expected seeds" in said.error
    assert not list(tmp_path.iterdir())


def test_a_direction_is_made_and_applied(ganvas: Ganvas, pictures: Path, tmp_path: Path) -> None:
    file, figure = tmp_path / "d.safetensors", tmp_path / "figure.png"
    words = ("directions", pictures, "--plus", "3,5,0:17", "--minus", "1,4")
    assert ganvas(*words, "--out", file, "--figure", figure).code == 0
    with Image.open(figure) as picture:
        assert picture.size == (7 * 66 - 2, 7 * 66 - 2)  # exemplars, a space, four samples moved
    out = tmp_path / "moved.npy"
    words = ("edit", pictures, "--direction", file, "--seeds", "0,1", "--out", out)
    assert "2 samples at 3 amounts" in ganvas(*words, "--amounts", "-1,0,1").out
    assert np.load(out).shape == (6, 16, 16, 1)
    assert ganvas(*words, "--amounts", "-2,2", "--absolute").code == 0
    assert ganvas(*words[:-1], tmp_path / "moved.png").code == 0


def test_a_sum_of_exemplars(ganvas: Ganvas, pictures: Path, points: Path, tmp_path: Path) -> None:
    words = ("--plus", "3,5,8", "--minus", "1,4", "--plus", "7")
    said = ganvas("arithmetic", pictures, *words, "--out", tmp_path / "sum.png")
    assert "sum of 3 means" in said.out
    with Image.open(tmp_path / "sum.png") as picture:
        assert picture.size == (5 * 66 - 2, 7 * 66 - 2)  # terms, a space, three rows of neighbours
    assert ganvas("arithmetic", points, *words, "--out", tmp_path / "sum.npy").code == 0
    assert np.load(tmp_path / "sum.npy").shape == (9, 2)


def test_directions_that_are_refused(
    ganvas: Ganvas, pictures: Path, points: Path, tmp_path: Path
) -> None:
    file = tmp_path / "d.safetensors"
    words = ("directions", points, "--plus", "3", "--minus", "1", "--out")
    said = ganvas(*words, tmp_path / "d.npy")
    assert "a direction is a .safetensors file" in said.error
    said = ganvas(*words, file, "--figure", tmp_path / "figure.png")
    assert "--figure is for images; this model makes points" in said.error
    assert ganvas(*words, file).code == 0
    said = ganvas("edit", pictures, "--direction", file, "--out", tmp_path / "x.png")
    assert said.code == 2
    assert "is a direction of another model" in said.error
    said = ganvas(
        *("edit", points, "--direction", file, "--out", tmp_path / "x.csv"), "--amounts", "a"
    )
    assert "--amounts a: expected numbers" in said.error


def test_options_of_items_are_refused_where_none_are_made(ganvas: Ganvas, tmp_path: Path) -> None:
    model_of(tmp_path / "model")
    find = ("directions", tmp_path / "model", "--number", "1", "--count", "64")
    out = ("--out", tmp_path / "way.safetensors")
    for words in (
        ("--components", "truncation=0.5"),
        ("--components", "--space", "w", "noise=none"),
        ("--closed-form", "--space", "w", "cutoff=2"),
        ("--components", "--space", "w+", "noise=none"),
    ):
        said = ganvas(*find, *words, *out)
        assert said.code == 2, words
        assert f"{words[-1]} says how samples are made, and these are directions of" in said.error
    assert ganvas(*find, "--components", "--space", "w+", "truncation=0.5", *out).code == 0
    ways = ("--plus", "0,1", "--minus", "2,3", "noise=none")
    said = ganvas("directions", tmp_path / "model", *ways, *out)
    assert said.code == 2
    assert "these are directions of latents: leave it out" in said.error


def test_samples_in_the_discriminators_order(
    ganvas: Ganvas, pictures: Path, tmp_path: Path
) -> None:
    out, ranked = tmp_path / "drawn.npy", tmp_path / "ranked.npy"
    assert ganvas("sample", pictures, "--count", "9", "--seed", "4", "--out", out).code == 0
    words = ("sample", pictures, "--count", "9", "--seed", "4", "--best-first", "--scores")
    lines = ganvas(*words, "--out", ranked).out.splitlines()[:9]
    names, values = zip(*(line.split("\t") for line in lines), strict=True)
    order = [int(name.removeprefix("4:")) for name in names]
    assert sorted(order) == list(range(9))
    assert [*map(float, values)] == sorted(map(float, values), reverse=True)
    assert np.array_equal(np.load(ranked), np.load(out)[order])
    model = library.load(pictures, device="cpu")
    wanted = model.score(np.load(out))
    assert np.allclose([*map(float, values)], wanted[order], rtol=1e-4)


def test_samples_of_classes_are_judged_under_their_classes(tmp_path: Path) -> None:
    model = saved(tmp_path, "classes")
    drawn = model.sample(7)
    wanted = model.score(drawn.x, label=drawn["label"].tolist())
    assert np.allclose(model.score(drawn), wanted)
