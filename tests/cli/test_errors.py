"""Every mistake: one clear line, the right exit code, nothing lost and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import ganvas as library
from ganvas.cli.app import run
from ganvas.cli.items import check_place
from ganvas.errors import GanvasError
from ganvas.files import filling, replacing
from ganvas.model import load
from ganvas.training.folder import RunFolder
from tests.cli.conftest import TINY, Ganvas


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# ---- how it is asked --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tarin"], "Did you mean 'train'"),
        (["train"], "Missing argument 'RECIPE'"),
        (["train", "gan/ring8", "--otu", "x"], "--out"),
        (["train", "gan/ring8"], "--out runs/gan-ring8"),
        (["train", "gan/rign8", "--out", "x"], "Did you mean 'gan/ring8'?"),
        (["train", "gan", "--out", "x"], "'gan' has several recipes"),
        (["train", "no.yaml", "--out", "x"], "there is no recipe file no.yaml"),
        (["train", "gan/ring8", "--out", "x", "train.bach=3"], "Did you mean 'train.batch'?"),
        (["train", "gan/ring8", "--out", "x", "train.batch=3.5"], "a whole number"),
        (["train", "gan/ring8", "--out", "x", "train.batch=-2"], "at least 1"),
        (["train", "gan/ring8", "--out", "x", "--data", "./no"], "There is no file or folder no"),
        (["train", "gan/ring8", "--out", "x", "--data", "rign8"], "Did you mean 'ring8'?"),
        (["train", "gan/ring8", "--out", "x", "batch"], "expected key=value"),
        (["train", "gan/ring8", "--out", "x", "game.generator=dcgan"], "dcgan"),
        (["train", "gan/ring8", "--out", "x", "--from", "no"], "no does not exist"),
        (["resume", "no"], "there is no run folder no"),
        (["sample", "no", "--out", "x.png"], "no does not exist"),
        (["evaluate", "no"], "there is no run folder no"),
        (["diagnose", "no"], "there is no run folder no"),
        (["compare", "no", "no"], "there is no run folder no"),
        (["recipes", "gna/ring8"], "Did you mean 'gan/ring8'?"),
        (["recipes", "--schema"], "ganvas recipes NAME --schema"),
        (["data", "rign8"], "Did you mean 'ring8'?"),
        (["sample", "x", "--out", "x.png", "--count", "0"], "How it goes: ganvas sample --help"),
        (["export", "x", "--out", "x", "--format", "onxx"], "'--format': 'onxx' is not one of"),
        (["data", "digits", "data.size=9999"], "data.size=9999: expected at most 8192."),
        (["data", "digits", "data.source=ring8"], "give one of both"),
        (["data", "digits", "data=3"], "data=3: expected a setting such as data.size=32"),
        (["data", "x", "--clear-cache", "--shards", "y"], "do not go together"),
        (["data", "x", "data.size=8", "--shards", "y"], "take files as they are"),
        (["bench", "report", "--results", "no.jsonl"], "there is no file of results no.jsonl"),
        (
            ["bench", "stability", "random", "--table", "--results", "no.jsonl"],
            "no file of results",
        ),
    ],
)
def test_a_wrong_request(
    ganvas: Ganvas,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = ganvas(*words)
    assert said.code == 2
    assert expected in said.error
    assert not said.out
    assert not list(tmp_path.iterdir())


# ---- data -------------------------------------------------------------------------------------


def _image(path: Path, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.arange(size[0] * size[1], dtype=np.uint8).reshape(size)).save(path)


def _empty(path: Path) -> Path:
    path.mkdir()
    return path


def _truncated_png(path: Path) -> Path:
    _image(path / "good.png")
    whole = (path / "good.png").read_bytes()
    (path / "bad.png").write_bytes(whole[: len(whole) // 2])
    return path


def _text_as_png(path: Path) -> Path:
    _image(path / "good.png")
    (path / "bad.png").write_text("not a picture")
    return path


def _mixed_sizes(path: Path) -> Path:
    _image(path / "a.png", (8, 8))
    _image(path / "b.png", (8, 16))
    return path


def _array(values: object, **options: object) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path = path.with_suffix(".npy")
        np.save(path, np.asarray(values, **options), allow_pickle=True)  # type: ignore[arg-type]
        return path

    return write


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (_empty, "it is empty"),
        (_truncated_png, "bad.png"),
        (_text_as_png, "bad.png"),
        (_mixed_sizes, "data.resize"),
        (_array([[0.0, np.nan], [1.0, 2.0]]), "finite"),
        (_array([{"a": 1}, None], dtype=object), "object"),
        (_array([[1.0, 2.0]]), "single sample"),
    ],
    ids=["empty", "truncated", "text", "sizes", "nan", "object", "single"],
)
def test_bad_data(
    ganvas: Ganvas, tmp_path: Path, make: Callable[[Path], Path], expected: str
) -> None:
    data = make(tmp_path / "data")
    recipe = "gan/points" if data.suffix == ".npy" else "lsgan/images"
    said = ganvas("train", recipe, "--data", data, "--out", tmp_path / "run", "train.rounds=1")
    assert said.code == 2
    assert expected.lower() in said.error.lower()
    assert not (tmp_path / "run").exists()


def _damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


@pytest.fixture(scope="module")
def of_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run and its data, ``run`` and ``data``, of which a file was damaged since."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(9):
        _image(folder / "data" / f"{number}.png")
    words = ["--data", str(folder / "data"), "--out", str(folder / "run"), "evaluate.at_end=false"]
    assert run(["train", "lsgan/images", *words, *TINY]) == 0
    _damage(folder / "data" / "3.png")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "run"],
        ["evaluate", "run", "--against", "data"],
        ["resume", "run", "train.rounds=9"],
        ["diagnose", "run"],
        ["score", "run", "data", "--out", "x.npy"],
    ],
)
def test_no_setting_is_advised_where_none_is_taken(
    ganvas: Ganvas, of_images: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(of_images)
    said = ganvas(*words)
    assert said.code == 2
    assert "3.png: not an image" in said.error
    assert "Repair or delete them." in said.error
    assert "data." not in said.error
    assert not Path("x.npy").exists()


def test_advised_settings_are_taken(ganvas: Ganvas, of_images: Path) -> None:
    data = of_images / "data"
    words = ["distance", data, data, "--steps", 2]
    advised = "data.skip_broken=true"
    assert advised in ganvas(*words).error
    assert ganvas(*words, advised).code == 0


def test_what_a_look_at_pictures_left_out_is_told(
    ganvas: Ganvas, of_images: Path, tmp_path: Path
) -> None:
    assert "left out: 1 broken, such as 3.png" in (
        ganvas("diagnose", of_images / "data", "--checkerboard").out
    )
    broken = _truncated_png(tmp_path / "data")
    (broken / "good.png").unlink()
    said = ganvas("diagnose", broken, "--checkerboard")
    assert said.code == 2
    assert "no image that can be read" in said.error
    assert "bad.png" in said.error


# ---- folders ----------------------------------------------------------------------------------


def test_an_existing_out_is_refused(ganvas: Ganvas, trained: Path) -> None:
    before = snapshot(trained)
    said = ganvas("train", "gan/ring8", "--out", trained, *TINY)
    assert said.code == 2
    assert f"ganvas resume {trained}, or start anew with --overwrite" in said.error
    assert snapshot(trained) == before


def test_overwrite_spares_what_is_no_run(ganvas: Ganvas, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    said = ganvas("train", "gan/ring8", "--out", tmp_path, "--overwrite", *TINY)
    assert said.code == 2
    assert (tmp_path / "thesis.txt").read_text() == "dear"


def test_out_below_a_file(ganvas: Ganvas, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = ganvas("train", "gan/ring8", "--out", tmp_path / "file" / "run", *TINY)
    assert said.code == 2
    assert f"{tmp_path / 'file'} is a file, not a folder; give another path" in said.error


@pytest.fixture
def sealed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a folder in which nobody may write."""
    if os.geteuid() == 0:  # the superuser may write everywhere but on a read-only disk
        disk: Path = request.getfixturevalue("small_disk")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        yield disk
        return
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_a_read_only_folder(ganvas: Ganvas, trained: Path, sealed: Path) -> None:
    for words in (
        ["train", "gan/ring8", "--out", sealed / "run", *TINY],
        ["sample", trained, "--out", sealed / "x.npy"],
        ["export", trained, "--out", sealed / "x.pt2"],
    ):
        said = ganvas(*words)
        assert said.code == 1
        assert str(sealed) in said.error
    assert not list(sealed.iterdir())


def test_a_film_is_refused_before_it_is_drawn(trained: Path, sealed: Path) -> None:
    with pytest.raises(GanvasError, match=f"{sealed}: "):
        check_place(load(trained), sealed / "x.gif", moving=True)


def test_writing_into_a_file_as_folder(
    ganvas: Ganvas, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "images").mkdir()
    for words in (
        ["resume", trained, "--out", tmp_path / "file" / "x"],
        ["blend", trained, trained, "--level", "8", "--out", tmp_path / "file" / "x"],
        ["convert", trained, "--upsample", "deconv", "--out", tmp_path / "file" / "x"],
        ["directions", trained, "--components", "--out", tmp_path / "file" / "x"],
        ["directions", trained, "--components", "--out=d", "--figure", tmp_path / "file" / "x.png"],
        ["encode", trained, "x.npy", "--out", tmp_path / "file" / "x.safetensors"],
        ["pairs", trained, "--out", "x.svg", "--summary", tmp_path / "file" / "x.npy"],
        ["bench", "modes", "--out", tmp_path / "file" / "x"],
        ["bench", "modes", "--results", tmp_path / "file" / "x"],
        ["bench", "speed", "--results", tmp_path / "file" / "x"],
        ["data", "images", "--shards", tmp_path / "file" / "x"],
        ["data", "images", "--stabilise", tmp_path / "file" / "x"],
        ["data", "images", "--near-duplicates", "--groups", tmp_path / "file" / "x.csv"],
        ["import", "file", "--out", tmp_path / "file" / "x"],
        ["sample", trained, "--out", tmp_path / "file" / "x.npy"],
        ["interpolate", trained, "--out", tmp_path / "file" / "x.npy"],
        ["export", trained, "--out", tmp_path / "file" / "x.pt2"],
    ):
        said = ganvas(*words)
        assert said.code == 2
        assert f"{tmp_path / 'file'} is a file, not a folder; give another path" in said.error
    assert {path.name for path in tmp_path.iterdir()} <= {"file", "images", "trained"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["edit", "RUN", "--direction", "t.safetensors", "--out", "x.npy"], "no direction file"),
        (["edit", "RUN", "--direction", "zip.npy", "--out", "x.npy"], "zip.npy holds 2 arrays"),
        (["sample", "RUN", "--codes", "t.safetensors", "--out", "x.npy"], "no file of codes"),
        (["directions", "RUN", "--scores", "t.safetensors", "--out", "d"], "is no scorer"),
        (["directions", "RUN", "--scores", "zip.npy", "--out", "d"], "zip.npy holds 2 arrays"),
        (["train", "gan/points", "--data", "zip.npy", "--out", "d"], "zip.npy holds the arrays"),
        (["bench", "report", "--results", "b.jsonl"], "b.jsonl, line 1: not UTF-8"),
        (["bench", "found", "--results", "b.jsonl", "--out", "f"], "b.jsonl, line 1: not UTF-8"),
        (["score", "RUN", "videos/a.gif"], "a.gif"),
        (["train", "mocogan/videos", "--data", "videos", "--out", "d"], "1 of 1 videos in "),
    ],
)
def test_a_file_of_another_kind_is_told(
    ganvas: Ganvas,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.safetensors").write_text("no tensors\n" * 9)
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.gif").write_text("no film")
    with (tmp_path / "zip.npy").open("wb") as file:
        np.savez(file, a=np.ones(3), b=np.ones(2))
    said = ganvas(*(str(trained) if word == "RUN" else word for word in words))
    assert said.code == 2
    assert expected in said.error


@pytest.mark.parametrize(
    "words",
    [
        *(["classes"], ["inspect"], ["tradeoff", "truncation=1,0.5"], ["probe"], ["nearest"]),
        *(["score", "x.npy"], ["encode", "x.npy"], ["trajectory"], ["guided", "x.png"]),
    ],
    ids=lambda words: words[0],
)
def test_a_wrong_out_is_told_before_any_work(
    ganvas: Ganvas, trained: Path, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "folder.json").mkdir()
    for name in ("x.txt", "folder.json"):
        said = ganvas(words[0], trained, *words[1:], "--out", tmp_path / name)
        assert said.code == 2
        assert name in said.error
        assert "expected " in said.error


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 400 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(["mount", *options], check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip("mounting is not allowed")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk(ganvas: Ganvas, trained: Path, small_disk: Path) -> None:
    run = small_disk / "run"
    assert ganvas("train", "gan/ring8", "--out", run, *TINY, "train.stop_at=3").code == 0
    kept = snapshot(run / "checkpoints")
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    said = ganvas("resume", run)
    assert said.code == 1
    assert "o space left" in said.err or "disk is full" in said.err
    assert snapshot(run / "checkpoints") == kept
    said = ganvas("sample", trained, "--count", "1000", "--out", small_disk / "x.npy")
    assert said.code == 1
    assert "the disk is full; make room" in said.error
    (small_disk / "filler").unlink()
    assert "finished at round 6" in ganvas("resume", run).out


def test_scores_are_told_though_the_disk_is_full(ganvas: Ganvas, small_disk: Path) -> None:
    run = small_disk / "run"
    assert ganvas("train", "gan/ring8", "--out", run, *TINY).code == 0
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    for command, expected in (("evaluate", "w1_excess"), ("diagnose", "verdict: ")):
        said = ganvas(command, run)
        assert said.code == 0
        assert expected in said.out
        assert not (run / "evaluation.json").exists()


# ---- checkpoints and models -------------------------------------------------------------------


def test_a_setting_that_would_make_another_run(ganvas: Ganvas, trained: Path) -> None:
    before = snapshot(trained)
    said = ganvas("resume", trained, "train.batch=16")
    assert said.code == 2
    assert "train.batch cannot change when a run goes on" in said.error
    assert snapshot(trained) == before


@pytest.mark.parametrize("word", ["train.stop_at=5", "train.stop_at=6", "train.rounds=4"])
def test_a_round_that_is_over(ganvas: Ganvas, trained: Path, word: str) -> None:
    before = snapshot(trained)
    said = ganvas("resume", trained, word)
    assert said.code == 2
    assert f"{word} is over: the run stands at round 6" in said.error
    assert snapshot(trained) == before


def test_a_misspelt_setting_on_resume(ganvas: Ganvas, trained: Path) -> None:
    assert ganvas("resume", trained, "train.rounds=many").code == 2
    assert ganvas("resume", trained, "rounds").code == 2


@pytest.mark.parametrize("changes", [["game.generator.widths=[4]"], []])
def test_a_checkpoint_of_another_recipe(
    ganvas: Ganvas, trained: Path, tmp_path: Path, changes: list[str]
) -> None:
    other = tmp_path / "other"
    recipe = "gan/ring8" if changes else "lsgan/ring8"
    assert ganvas("train", recipe, "--out", other, *TINY, *changes).code == 0
    for path in RunFolder(trained).list_checkpoints():
        path.unlink()
    (newest,) = RunFolder(other).list_checkpoints()[-1:]
    (trained / "checkpoints" / newest.name).write_bytes(newest.read_bytes())
    said = ganvas("resume", trained, "train.rounds=9")
    assert said.code == 2
    assert ("game.generator.widths=[8]" if changes else "game.system=gan") in said.error
    assert "and the run was trained with" in said.error


def test_a_truncated_checkpoint_costs_only_itself(ganvas: Ganvas, trained: Path) -> None:
    older, newest = RunFolder(trained).list_checkpoints()
    newest.write_bytes(newest.read_bytes()[:1000])
    said = ganvas("resume", trained)
    assert said.code == 0
    assert "finished at round 6" in said.out
    older.write_bytes(b"")
    newest.write_bytes(b"")
    said = ganvas("resume", trained)
    assert said.code == 1
    assert "no checkpoint" in said.error


def test_a_model_that_cannot_be_read(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    weights = trained / "model" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-10])
    said = ganvas("sample", trained, "--out", tmp_path / "x.npy")
    assert said.code == 1
    assert "damaged or cut short" in said.error
    save_file({"w": torch.zeros(2)}, weights)
    assert "not a model that ganvas wrote" in ganvas("sample", trained, "--out", "x.npy").error


def test_unlike_scores_are_not_compared(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    ganvas("train", "gan/ring8", "--out", other, *TINY)
    said = ganvas("compare", trained, other)
    assert said.code == 2
    assert f"ganvas evaluate {trained}" in said.error
    ganvas("evaluate", trained)
    ganvas("evaluate", other, "--count", "40")
    said = ganvas("compare", trained, other)
    assert said.code == 2
    assert "samples: 50 against 40" in said.error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--label", "3"], "without classes"),
        (["--count", "0"], "--count"),
        (["3"], "'3' is not an option of samples: expected OPTION=VALUE"),
        (["seed=3"], "samples of gan have no option 'seed'"),
        (["self=3"], "samples of gan have no option 'self'"),
        (["--out", "x.txt"], "expected .npy, .npz, .csv, .parquet, .png"),
    ],
)
def test_a_wrong_sample(ganvas: Ganvas, trained: Path, words: list[str], expected: str) -> None:
    said = ganvas("sample", trained, "--out", "x.npy", *words)
    assert said.code == 2
    assert expected in said.error


def test_a_lack_of_memory_is_told_in_words(ganvas: Ganvas, tmp_path: Path) -> None:
    said = ganvas("train", "gan/ring8", "--out", tmp_path / "run", "game.latent.dim=100000000000")
    assert said.code == 1
    assert said.error.startswith("error: the memory does not suffice: ask for fewer or smaller")
    assert "GANVAS_TRACEBACK" not in said.error


# ---- what nobody foresaw ----------------------------------------------------------------------

BROKEN = """
from ganvas.games.gan import GAN

class Broken(GAN):
    system = "broken"

    def round(self, data, turn):
        if turn.round == 4:
            raise ZeroDivisionError("by nobody foreseen")
        super().round(data, turn)
"""


def test_an_unforeseen_error_leaves_a_crash_report_and_the_checkpoint(
    ganvas: Ganvas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_game.py").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("base: gan/ring8\ngame: {system: 'broken_game:Broken'}\n")
    run = tmp_path / "run"
    game = ["--game", "broken_game:Broken"]
    said = ganvas("train", recipe, "--out", run, *TINY, *game)
    assert said.code == 1
    assert "ZeroDivisionError: by nobody foreseen" in said.error
    assert str(run / "crash.txt") in said.error
    assert "in round\n" in (run / "crash.txt").read_text()
    assert [p.stem for p in RunFolder(run).list_checkpoints()] == ["000000003"]
    said = ganvas("sample", run, "--out", tmp_path / "x.npy")
    assert said.code == 2
    assert "--game broken_game:Broken" in said.error
    assert ganvas("sample", run, "--out", tmp_path / "x.npy", *game).code == 0


@pytest.mark.parametrize("after", [None, ImportError("half a module"), GanvasError("no file")])
def test_whatever_fails_by_ctrl_c_is_an_interrupt(
    ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch, after: Exception | None
) -> None:
    def pressed(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:  # as imports do that need another module, or can do without
            raise after or KeyboardInterrupt from None

    monkeypatch.setattr("ganvas.recipes.catalogue.summaries", pressed)
    handler = signal.getsignal(signal.SIGINT)
    said = ganvas("recipes")
    assert (said.code, said.out, said.err) == (130, "", "error: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_who_is_ended_leaves_nothing_half_written(
    ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    number = signal.Signals[name]

    def ended(*_: object, **__: object) -> None:
        with filling(tmp_path / "folder"), replacing(tmp_path / "folder" / "1.png") as file:
            file.write(b"half")
            os.kill(os.getpid(), number)
            time.sleep(5)

    monkeypatch.setattr("ganvas.recipes.catalogue.summaries", ended)
    said = ganvas("recipes")
    assert (said.code, said.out, said.err) == (128 + number, "", f"error: ended by {name}\n")
    assert not [*tmp_path.iterdir()]
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("trained/config.yaml/x.npy", "config.yaml is a file, not a folder; give another path"),
        (f"{'x' * 300}/x.npy", "the name is too long; give a shorter one"),
        (".", "Cannot save points as 'here'"),
    ],
)
def test_places_that_cannot_be_are_told_before_any_work(
    ganvas: Ganvas, trained: Path, monkeypatch: pytest.MonkeyPatch, out: str, message: str
) -> None:
    here = trained.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(library.Model, "sample", None)
    said = ganvas("sample", trained, "--out", trained.parent / out if "/" in out else out)
    assert said.code == 2
    assert message in said.error


def test_options_know_the_home_folder(
    ganvas: Ganvas, trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ganvas("sample", trained, "--count", "2", "--out=~/x.npy").code == 0
    assert (tmp_path / "x.npy").is_file()


Raised = BaseException | type[BaseException]


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt(15), 143), (KeyboardInterrupt, 130)]
)
def test_a_benchmark_that_is_interrupted_says_what_is_kept(
    ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raised: Raised, code: int
) -> None:
    def halted(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("ganvas.bench.run", halted)
    said = ganvas("bench", "modes", "--out", tmp_path, "--results", tmp_path / "r.jsonl")
    assert said.code == code
    assert said.error.startswith("error: interrupted: rows are in ")
    assert "the same command goes on" in said.error
