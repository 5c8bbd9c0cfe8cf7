"""Clips on the command line: length, rate, grids, categories, paths, pictures to begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas import load
from ganvas.cli.app import run as program
from tests.cli.conftest import Ganvas
from tests.data.filmed import animation, film, folder, moving

pytestmark = pytest.mark.slow
FEW = (
    "data.variant={directions: 4, hues: 6, clips: 16, held_out: 8}",
    "train.rounds=2",
    "train.batch=4",
    "evaluate.at_end=false",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "run"
    assert program(["train", "mocogan/shapes", "--out", str(folder), *FEW]) == 0
    return folder


def test_samples_of_any_length_in_grids_with_what_lies_behind_them(
    ganvas: Ganvas, tmp_path: Path, run: Path
) -> None:
    def made(*words: str) -> np.ndarray:
        out = tmp_path / "x.npy"
        assert ganvas("sample", run, *words, "--label", "up", "--out", out).code == 0
        return np.load(out)

    assert made("frames=20", "--count", "2").shape == (2, 20, 16, 16, 3)
    assert made("rate=2", "--count", "2").shape == (2, 31, 16, 16, 3)
    assert made("grid={content: 2, motion: 3}").shape == (6, 16, 16, 16, 3)
    assert made("schedule=[[up, 4], [left, 4]]", "--count", "2").shape == (2, 8, 16, 16, 3)
    out = tmp_path / "grid.gif"
    assert ganvas("sample", run, "grid={content: 2, motion: 3}", "--out", out).code == 0
    with Image.open(out) as picture:
        assert picture.width > picture.height  # three columns, two rows
    path = tmp_path / "path.npz"
    assert ganvas("trajectory", run, "frames=5", "--count", 2, "--out", path).code == 0
    assert np.load(path)["path"].shape == (2, 5, 16)  # as wide as game.motion of the recipe
    said = ganvas("sample", run, "frames=4", "backwards=true", "--out", out)
    assert said.code == 2
    assert "not to gru" in said.error


def test_frames_a_second_are_shown_as_fast_as_the_data(
    ganvas: Ganvas, tmp_path: Path, run: Path
) -> None:
    told: dict[str, list[int]] = {}
    for name, words in (("plain", []), ("fast", ["fps=16"]), ("slow", ["rate=2"])):
        out = tmp_path / f"{name}.webp"
        assert ganvas("sample", run, *words, "--count", 1, "--label", "up", "--out", out).code == 0
        with Image.open(out) as film:
            film.load()  # the first frame knows how long it is shown
            told[name] = [film.n_frames, film.info["duration"]]
    assert told == {"plain": [16, 125], "fast": [31, 62], "slow": [31, 125]}


def test_a_way_in_time_leads_from_frame_to_frame(ganvas: Ganvas, tmp_path: Path, run: Path) -> None:
    def made(verb: str, *words: object) -> np.ndarray:
        out = tmp_path / "x.npy"
        assert ganvas(verb, run, *words, "--label", "up", "--out", out).code == 0
        return np.load(out)

    clip = made("sample", "--count", 1, "--seed", 7)
    way = made("interpolate", "between=4", "--from-seed", 7)
    assert way.shape == (1, 61, 16, 16, 3)
    assert np.abs(way[:, ::4].astype(int) - clip).max() <= 1
    out = tmp_path / "x.npy"
    for words, told in (
        (("between=0",), "between=0: expected a whole number, such as between=4"),
        (("between=1.5",), "between=1.5: expected a whole number"),
        (("between=2", "--corners", "0,1,2,3"), "is the way through one clip, without other ends"),
    ):
        said = ganvas("interpolate", run, *words, "--label", "up", "--out", out)
        assert (said.code, told in said.error) == (2, True), said.error


def test_q_and_the_judge_are_asked_about_clips(ganvas: Ganvas, tmp_path: Path, run: Path) -> None:
    clips, long = tmp_path / "clips.npy", tmp_path / "long.npy"
    assert ganvas("sample", run, "--count", 3, "--out", clips).code == 0
    assert ganvas("sample", run, "frames=32", "--count", 3, "--out", long).code == 0
    table = tmp_path / "classes.csv"
    assert ganvas("predict", run, clips, "--out", table).code == 0
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert rows[0] == ["file", "class", "probability"]
    assert {row[1] for row in rows[1:]} <= {"up", "left", "down", "right"}
    assert len(ganvas("score", run, clips).out.splitlines()) == 3
    told = [float(line.split("\t")[1]) for line in ganvas("score", run, long).out.splitlines()]
    whole = load(run).score(np.load(long))  # over all windows, not cut into clips of 16 frames
    assert np.allclose(told, whole, rtol=1e-4, atol=1e-4)


def test_clips_begin_with_a_picture(ganvas: Ganvas, tmp_path: Path) -> None:
    run, photo, out = tmp_path / "run", tmp_path / "photo.png", tmp_path / "x.npy"
    assert ganvas("train", "mocogan/shapes_image", "--out", run, *FEW).code == 0
    Image.fromarray(np.full((20, 24, 3), 90, np.uint8)).save(photo)
    told = ("--given", f"image={photo}", "--given", "label=left", "--count", 2)
    assert ganvas("sample", run, *told, "--out", out).code == 0
    assert np.load(out).shape == (2, 16, 16, 16, 3)
    said = ganvas("sample", run, "--given", "label=left", "--out", out)
    assert said.code == 2
    assert "--given image=VALUE" in said.error
    for words in (("score", photo), ("encode", photo, "--out", out)):
        said = ganvas(words[0], run, *words[1:])
        assert said.code == 2
        assert said.error.endswith(f"is a condition: --given image={photo}")


def test_a_grid_is_not_heeded_between_two(ganvas: Ganvas, tmp_path: Path, run: Path) -> None:
    for verb in ("interpolate", "walk", "sweep"):
        said = ganvas(verb, run, "grid={content: 2, motion: 3}", "--out", tmp_path / "x.npy")
        assert said.code == 2
        assert "and is not heeded here: leave it out" in said.error


def test_videos_are_scored_whole_as_arrays_are(ganvas: Ganvas, tmp_path: Path, run: Path) -> None:
    long, folder = tmp_path / "long.npy", tmp_path / "films"
    for out in (long, folder):
        assert ganvas("sample", run, "frames=21", "--count", 3, "--out", out).code == 0

    def scores(items: Path) -> dict[str, float]:
        lines = [line.split("\t") for line in ganvas("score", run, items).out.splitlines()]
        return {name: float(value) for name, value in lines}

    known = scores(long)
    assert scores(folder) == pytest.approx(known, abs=1e-4)  # windows at every start, not one

    def of(items: Path, *words: str) -> np.ndarray:
        out = tmp_path / "features.npz"
        kept = ("--statistics", "running")
        assert ganvas("features", run, items, "--out", out, *kept, *words).code == 0
        return np.load(out)["features"]

    np.testing.assert_allclose(of(folder), of(long), rtol=1e-5, atol=1e-6)
    for number in (19, 20):  # videos of several lengths, each as it is alone
        (folder / "2" / f"{number}.png").unlink()
    np.save(tmp_path / "cut.npy", np.load(long)[2:, :19])
    known["2"] = scores(tmp_path / "cut.npy")["0"]
    assert scores(folder) == pytest.approx(known, abs=1e-4)
    for number in range(11, 21):
        (folder / "1" / f"{number:02d}.png").unlink()
    said = ganvas("score", run, folder).error
    assert said == "error: 1: clips of 11 frames: 16 are seen at once, or more"


def test_a_folder_of_everything_is_trained_on_by_one_command(
    ganvas: Ganvas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (place := tmp_path / "mine").mkdir()
    film(place / "a.mp4", moving(40, 32, 48), rate=25, options={"g": "8", "bf": "3"})
    film(place / "b.avi", moving(20, 64, 64), codec="mpeg4")
    animation(place / "c.gif", moving(18, 20, 24))
    animation(place / "d.webp", moving(30, 24, 20), [50, 100] * 15)
    folder(place / "e", moving(17, 30, 30))
    Image.fromarray(np.concatenate(moving(16, 16, 16), axis=1)).save(place / "f.png")
    whole = (place / "a.mp4").read_bytes()
    (place / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (place / "text.mkv").write_text("no film")
    few = ("train.rounds=2", "train.batch=4", "evaluate.at_end=false", "data.size=16")
    thin = [f"game.{who}.width=4" for who in ("generator", "discriminator", "frame_discriminator")]
    train = ("train", "mocogan/videos", "--data", place, "--out", tmp_path / "run", *few, *thin)
    said = ganvas(*train)
    assert said.code == 2
    assert "2 of 8 videos" in said.error
    assert "cut.mp4: cut short" in said.error
    assert "text.mkv: text, not a video" in said.error
    assert not (tmp_path / "run").exists()
    said = ganvas(*train, "data.skip_broken=true")
    assert said.code == 0, said.error
    assert load(tmp_path / "run").sample(2).x.shape == (2, 16, 16, 16, 3)
