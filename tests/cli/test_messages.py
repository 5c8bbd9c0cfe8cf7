"""What is said to people who ask for a thing that cannot be, or in an unusual way."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.cli.looking import fitting_recipes
from ganvas.data.open import open_data
from ganvas.data.report import DataReport
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.model.device import choose_device
from ganvas.nn import BatchNorm
from ganvas.recipes import load_recipe
from tests.cli.conftest import TINY, Ganvas


@pytest.mark.parametrize("words", [[], ["bench"]])
def test_the_bare_program_shows_its_help(ganvas: Ganvas, words: list[str]) -> None:
    said = ganvas(*words)
    assert said.code == 2
    assert said.err.splitlines()[0].startswith("Usage: ganvas")
    assert len(said.err.splitlines()) > 10


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "gan/ring8", "--dry-run", "train.accelerator=cuda"], "train.accelerator=cuda"),
        (["train", "gan/ring8", "--out", "x", "--data", ""], "--data is empty"),
        (["train", "gan/ring8", "--out", "x", "data.size=48x"], "data.size=48x"),
        (["data", ""], "PATH is empty"),
    ],
)
def test_what_is_not_there(
    ganvas: Ganvas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "train.accelerator=cuda" in words and torch.cuda.is_available():
        pytest.skip("it is there")
    said = ganvas(*words)
    assert said.code == 2
    assert expected in said.error
    assert not list(tmp_path.iterdir())


def test_devices_have_names() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    for name in ("nonsense", "cuda:99", "meta meta"):
        with pytest.raises(UsageError, match=f"no device '{name}' here"):
            choose_device(name)


def test_arrays_in_memory_are_no_path() -> None:
    with pytest.raises(UsageError, match=r"not a ndarray: give data in memory to ganvas\.train"):
        load_recipe("gan/points", data=np.zeros((9, 2)))  # type: ignore[arg-type]


def test_sizes_are_read_as_they_are_printed() -> None:
    assert DataSettings(source="x", size="48x64").height_width == (48, 64)
    assert load_recipe("gan/images", ["data.size=48x64"]).data.size == (48, 64)


def test_commands_quote_paths(ganvas: Ganvas, tmp_path: Path) -> None:
    recipe = tmp_path / "my recipe.yaml"
    recipe.write_text("base: gan/ring8\n")
    said = ganvas("train", recipe)
    assert f"ganvas train '{recipe}' --out runs/'my recipe'" in said.error
    said = ganvas("train", recipe, "--out", "x", "train.batch=no")
    assert f"ganvas train '{recipe}' --out DIR train.batch=256" in said.error
    said = ganvas("train", recipe, "--out", tmp_path / "a run", *TINY, "train.stop_at=2")
    assert f"go on with: ganvas resume '{tmp_path / 'a run'}'" in said.out


def test_what_resume_recommends_can_be_typed(ganvas: Ganvas, trained: Path) -> None:
    said = ganvas("resume", trained, "train.stpo_at=9")
    assert said.code == 2
    assert "Did you mean 'train.stop_at'?" in said.error
    assert "ganvas train" not in said.error
    said = ganvas("resume", trained, "train.keep=1")
    command = shlex.split(said.error.partition("For example: ")[2])
    assert command == ["ganvas", "resume", str(trained), "train.keep=3"]
    assert ganvas(*command[1:]).code == 0


def test_data_recommends_only_what_it_can_train() -> None:
    images = DataReport("my photos", "images", {"train": 9}, {"20x30": 5, "40x40": 4}, {"rgb": 9})
    commands = [shlex.split(command) for command in fitting_recipes(images)]
    assert {words[2] for words in commands} >= {"gan/images", "r3gan/images"}
    assert not {words[2] for words in commands} & {"svae-m2/images", "cgan/images"}  # no classes
    for words in commands:
        assert words[3:] == [
            *("--data", "my photos", "--out", "DIR"),
            *("data.size=32", "data.resize=fit-crop"),
        ]
    images.classes = {"a": 4, "b": 5}
    assert {"svae-m2/images", "cgan/images"} <= {c.split()[2] for c in fitting_recipes(images)}


@pytest.mark.parametrize("name", ["x.PNG", "x.jpeg", "x.JPG", "x.NPY", "x.Npz"])
def test_suffixes_in_any_case(ganvas: Ganvas, trained: Path, tmp_path: Path, name: str) -> None:
    from ganvas.data.domains.images import Images

    domain = Images(channels=1, height=4, width=4)
    domain.save(np.zeros((3, 4, 4, 1), np.uint8), tmp_path / name)
    if name.lower().endswith(("png", "jpg", "jpeg")):
        with Image.open(tmp_path / name) as picture:
            assert picture.format in ("PNG", "JPEG")
    else:
        loaded = np.load(tmp_path / name)
        assert (loaded if name == "x.NPY" else loaded["images"]).shape == (3, 4, 4, 1)


def test_an_exported_file_is_named_for_what_it_is(ganvas: Ganvas, trained: Path) -> None:
    said = ganvas("export", trained, "--format", "onnx", "--out", trained / "x.pt2")
    assert said.code == 2
    assert "a file of --format onnx ends in .onnx" in said.error


def test_the_whole_space_has_a_default_file(
    ganvas: Ganvas, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = ganvas("latents", trained, "--edge", "2")
    assert "become a .png" not in said.err
    assert said.code == 0 or "error" in said.err  # of a latent that has no plane


def test_too_much_held_out() -> None:
    with pytest.raises(UsageError, match=r"data\.hold_out=0\.9997 leaves 1 of 1,797 items"):
        open_data(DataSettings(source="digits8", hold_out=0.9997))


def test_images_are_scored_in_whole_numbers(tmp_path: Path) -> None:
    from tests.model.conftest import saved

    model = saved(tmp_path, "pictures")
    whole = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1))
    with pytest.raises(UsageError, match=r"whole numbers 0 to 255, got float64"):
        model.score(whole / 255)
    with pytest.raises(UsageError, match="0 to 255"):
        model.score(whole - 300)
    np.testing.assert_array_equal(model.score(whole), model.score(whole.astype(np.uint8)))


def test_one_item_cannot_be_normalised() -> None:
    with pytest.raises(UsageError, match=r"train\.batch of 2 or more"):
        BatchNorm(5)(torch.zeros(1, 5))
    assert BatchNorm(5)(torch.zeros(1, 5, 2)).shape == (1, 5, 2)


BROKEN = """
import torch
from ganvas.games.gan import GAN

class Broken(GAN):
    system = "broken"

    def round(self, data, turn):
        torch.zeros(2) @ torch.zeros(3)  # line 9
"""


def test_errors_in_a_game_of_ones_own_are_found_there(
    ganvas: Ganvas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong_game.py").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("base: gan/ring8\ngame: {system: 'wrong_game:Broken'}\n")
    said = ganvas("train", recipe, "--game", "wrong_game:Broken", "--out", "x", *TINY)
    assert said.code == 1
    assert f"({tmp_path / 'wrong_game.py'}:9)" in said.error


def test_a_run_that_broke_off_before_it_had_a_model_is_diverging(
    ganvas: Ganvas, tmp_path: Path
) -> None:
    rates = [f"game.{who}_optimiser.lr=1e30" for who in ("generator", "discriminator")]
    words = ["train", "gan/ring8", "--out", tmp_path / "run", *TINY, *rates]
    assert ganvas(*words, "train.rounds=40").code == 1
    said = ganvas("diagnose", tmp_path / "run")
    assert said.code == 0
    assert said.out.startswith("verdict: diverging\n  the run gave up at round")
    assert "game.generator_optimiser.lr=5e+29" in said.out
    assert "ganvas diagnose" in ganvas("evaluate", tmp_path / "run").error
    (tmp_path / "run" / "metrics.jsonl").unlink()
    assert "no model yet" in ganvas("diagnose", tmp_path / "run").error
