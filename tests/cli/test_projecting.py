"""Commands of spaces and codes: project, tune, teach, attribution, blend, mix, sweep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.model.codes import read_codes
from tests.cli.conftest import Ganvas
from tests.latent.styled import saved
from tests.model.conftest import saved as saved_plain
from tests.model.test_blending import model_of

GAME = ("--game", "tests.latent.styled:Styled")


@pytest.fixture(scope="module", name="model")
def fixture_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    saved(folder)
    return folder


@pytest.fixture(scope="module", name="items")
def fixture_items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("items") / "items.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8))
    return path


def test_projected_items_are_sampled_edited_and_walked(
    ganvas: Ganvas, model: Path, items: Path, tmp_path: Path
) -> None:
    codes, out = tmp_path / "codes.safetensors", tmp_path / "near.npy"
    film = tmp_path / "search.gif"
    words = ("project", model, items, *GAME, "--steps", "8", "--out", out, "--codes", codes)
    said = ganvas(*words, "--trajectory", film, "--space", "w+")
    assert "codes in w+" in said.out
    assert "autocorrelation of the noise maps: 0." in said.out
    assert "for pixels in [0, 1]" in said.out
    with Image.open(film) as shown:
        assert shown.size == (16 * 16, 16 * 16)  # two items beside each other, both rows enlarged
    assert read_codes(codes)[0]["found"]["steps"] == 8
    again = tmp_path / "again.npy"
    assert ganvas("sample", model, *GAME, "--codes", codes, "--out", again).code == 0
    assert np.abs(np.load(again).astype(int) - np.load(out).astype(int)).max() <= 1
    ways = tmp_path / "way.npy"
    line = ("interpolate", model, *GAME, "--codes", codes, "--steps", "3", "--out", ways)
    assert "3 samples" in ganvas(*line).out
    assert np.abs(np.load(ways)[[0, 2]].astype(int) - np.load(out).astype(int)).max() <= 1
    said = ganvas("walk", model, *GAME, "--codes", f"{codes}:1,0", "--steps", "3", "--out", ways)
    assert "3 samples" in said.out
    assert np.abs(np.load(ways)[[2, 0]].astype(int) - np.load(out).astype(int)).max() <= 1
    said = ganvas(*line[:5], f"{codes}:0", *line[6:])
    assert "a line has two ends, not 1" in said.error
    pivots = tmp_path / "pivots.safetensors"
    said = ganvas(
        *("tune", model, items, *GAME, "--codes", codes, "--out", pivots),
        *("--steps", "4", "--rate", "0.01"),
    )
    assert "tuning: " in said.out
    assert (model / "tunings" / "pivots.safetensors").is_file()
    assert ganvas("sample", model, *GAME, "--codes", pivots, "--out", again).code == 0
    assert (np.load(again) != np.load(out)).any()


def test_ways_lead_through_styles(ganvas: Ganvas, model: Path, tmp_path: Path) -> None:
    out, ends = tmp_path / "way.npy", tmp_path / "ends.npy"
    assert ganvas("sample", model, *GAME, "--count", "1", "--out", ends).code == 0
    ways = {"interpolate": ["w", "s"], "walk": ["z", "w+"]}
    for command, space in [(c, s) for c, spaces in ways.items() for s in spaces]:
        seeds = ("--seeds", "0,1") if command == "walk" else ()
        words = (command, model, *GAME, *seeds, "--space", space, "--steps", "3", "--out", out)
        assert ganvas(*words).code == 0
        assert len(np.load(out)) == 3
        assert np.abs(np.load(out)[0].astype(int) - np.load(ends)[0]).max() <= 1
    said = ganvas("walk", model, *GAME, "--space", "x", "--out", out)
    assert "no space 'x'" in said.error
    said = ganvas("interpolate", model, *GAME, "--space", "w", "--corners", "0,1,2,3", "--out", out)
    assert "of a line between two" in said.error


def test_an_encoder_is_taught_and_asked(
    ganvas: Ganvas, model: Path, items: Path, tmp_path: Path
) -> None:
    codes = tmp_path / "codes.npy"
    said = ganvas("encode", model, items, *GAME, "--out", codes)
    assert "there is none yet. Teach one with: ganvas teach" in " ".join(said.error.split())
    words = ("teach", model, *GAME, "--space", "w", "--steps", "2", "--batch", "4", "--width", "2")
    said = ganvas(*words)
    assert "step 2: codes" in said.out
    assert (model / "encoders" / "w.safetensors").is_file()
    words = ("project", model, items, *GAME, "--start", "encoder", "--steps", "0")
    near, file, again = (tmp_path / f"{n}" for n in ("near.npy", "codes.safetensors", "again.npy"))
    assert ganvas(*words, "--no-noise", "--out", near).code == 0
    assert "codes in w:" in ganvas("encode", model, items, *GAME, "--out", codes).out
    assert "codes in w:" in ganvas("encode", model, items, *GAME, "--out", file).out
    assert np.array_equal(np.load(codes), read_codes(file)[1].x.numpy())
    assert ganvas("sample", model, *GAME, "--codes", file, "--out", again).code == 0
    assert np.abs(np.load(again).astype(int) - np.load(near)).max() <= 1
    said = ganvas("encode", model, items, *GAME, "--space", "s", "--out", codes)
    assert "no encoder for the space 's'; there are some for: w" in " ".join(said.error.split())


def test_own_samples_are_told_by_errors(
    ganvas: Ganvas, model: Path, items: Path, tmp_path: Path
) -> None:
    out = tmp_path / "errors.npz"
    said = ganvas(
        *("attribution", model, items, *GAME, "--steps", "4", "--count", "3", "--out", out)
    )
    assert "area under the curve: " in said.out
    with np.load(out) as found:
        assert found["own"].shape == (3,)
        assert found["others"].shape == (2,)


def test_styles_are_mixed_in_sheets_and_films(ganvas: Ganvas, model: Path, tmp_path: Path) -> None:
    words = ("mix", model, *GAME, "--seeds", "0,1", "--sources", "2-4")
    said = ganvas(*words, "--slots", "coarse", "--out", tmp_path / "sheet.png")
    assert "slots 0 of 3 samples in 2" in said.out
    with Image.open(tmp_path / "sheet.png") as sheet:
        width, height = sheet.size
        assert width * 3 == pytest.approx(height * 4, rel=0.02)
    said = ganvas(*words, "--slots", "2-3", "--steps", "4", "--out", tmp_path / "film.gif")
    assert "slots 2, 3" in said.out
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 12  # type: ignore[attr-defined]
    said = ganvas(*words, "--slots", "corse", "--out", tmp_path / "sheet.png")
    assert "slots among 0 to 3, such as 0-3. Did you mean 'coarse'?" in said.error
    plain = tmp_path / "plain"
    saved_plain(plain, "pictures")
    said = ganvas("mix", plain, "--out", tmp_path / "sheet.png")
    assert "no space 'w+'. It has: z" in " ".join(said.error.split())


def test_options_are_swept(ganvas: Ganvas, tmp_path: Path) -> None:
    model, out = tmp_path / "model", tmp_path / "sheet.npy"
    saved_plain(model, "pictures")
    said = ganvas("sweep", model, "--values", "1,0.5,0", "--seeds", "3,5", "--out", out)
    assert "2 samples at 3 values of truncation" in said.out
    found = np.load(out).reshape(2, 3, 16, 16, 1)
    assert np.array_equal(found[0, 2], found[1, 2])  # the middle of the prior
    alone = tmp_path / "alone.npy"
    ganvas("sample", model, "--seed", "5", "--count", "1", "truncation=0.5", "--out", alone)
    assert np.array_equal(np.load(alone)[0], found[1, 1])
    said = ganvas("sweep", model, "--values", "0:1:4", "--out", tmp_path / "film.gif")
    assert "at 4 values" in said.out
    said = ganvas("sweep", model, "--values", "0:1:x", "--out", out)
    assert "expected FROM:TO:COUNT" in said.error
    said = ganvas("sweep", model, "--option", "truncaton", "--out", out)
    assert "Did you mean 'truncation'?" in said.error


def test_models_are_blended(ganvas: Ganvas, tmp_path: Path) -> None:
    for name, moved in (("parent", 0.0), ("child", 0.3)):
        model_of(tmp_path / name, 0, moved)
    words = ("blend", tmp_path / "parent", tmp_path / "child", "--level")
    said = ganvas(*words, "8", "--out", tmp_path / "blend")
    assert "levels up to 8 pixels" in said.out
    out = tmp_path / "x.npy"
    assert ganvas("sample", tmp_path / "blend", "--count", "2", "--out", out).code == 0
    assert "holds files already" in ganvas(*words, "8", "--out", tmp_path / "blend").error
    said = ganvas(*words, "9", "--out", tmp_path / "other")
    assert "level 9: these models have 4, 8, 16" in said.error
    assert not (tmp_path / "other").exists()


def test_projections_that_are_refused(
    ganvas: Ganvas, model: Path, items: Path, tmp_path: Path
) -> None:
    out = tmp_path / "near.npy"
    words = ("project", model, items, *GAME, "--out", out)
    said = ganvas(*words, "--codes", tmp_path / "codes.npy")
    assert "codes are a .safetensors file" in said.error
    said = ganvas(*words, "--loss", "vgg16_shift_tolernt")
    assert "Did you mean 'vgg16_shift_tolerant'?" in said.error
    wrong = tmp_path / "wrong.npy"
    np.save(wrong, np.zeros((2, 3), np.float32))
    said = ganvas("project", model, wrong, *GAME, "--out", out)
    assert said.code == 2
    said = ganvas(
        "project", model, items, *GAME, "--out", out, "--start", "encoder", "--space", "s"
    )
    assert "ganvas teach RUN --space s" in said.error
    classes = saved_plain(tmp_path / "classes", "classes")
    np.save(wrong, classes.sample(2).x)
    said = ganvas("project", tmp_path / "classes", wrong, "--out", out)
    assert said.code == 2
    assert "items are found among samples of their class: expected label 0 to" in said.error
    assert not out.exists()


def test_a_walk_leads_through_two_samples(ganvas: Ganvas, model: Path, tmp_path: Path) -> None:
    walk = ("walk", model, *GAME, "--out", tmp_path / "way.png", "--seeds", "3")
    said = ganvas(*walk)
    assert said.code == 2
    assert "a walk leads through two samples or more, such as 0,1, not 1" in said.error
