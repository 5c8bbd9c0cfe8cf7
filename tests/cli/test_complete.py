"""``ganvas complete`` fills in hidden parts; looks, scores and sheets of such a run, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas
from ganvas.api import faults
from ganvas.cli.app import run
from tests.cli.conftest import TINY, Ganvas


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "filled"
    words = ["train", "cgan/digits_masked", "--data", "digits8", "--out", str(folder), *TINY]
    assert run([*words, "data.hold_out=0.2"]) == 0
    return folder


def torn(path: Path) -> Path:
    """Return a picture of 8×8 whose upper half is transparent."""
    pixels = np.full((8, 8, 4), 200, np.uint8)
    pixels[:4, :, 3] = 0
    Image.fromarray(pixels).save(path)
    return path


def test_a_hole_is_filled_and_the_rest_is_kept(
    ganvas: Ganvas, filled: Path, tmp_path: Path
) -> None:
    picture, out = torn(tmp_path / "torn.png"), tmp_path / "filled.npy"
    assert ganvas("complete", filled, picture, "--count", 3, "--out", out).code == 0
    made = np.load(out)
    assert made.shape == (3, 8, 8, 1)
    assert (made[:, 4:] == 200).all()
    assert (made[0, :4] != made[1, :4]).any()
    sheet = tmp_path / "sheet.png"
    assert ganvas("complete", filled, "digits8", "--whole", "--count", 2, "--out", sheet).code == 0
    given = ganvas("sample", filled, "--given", f"masked={picture}", "--out", out, "--count", 3)
    assert given.code == 0
    assert np.array_equal(np.load(out)[:, :4], made[:, :4])


def test_what_cannot_be_completed(ganvas: Ganvas, filled: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(whole)
    said = ganvas("sample", filled, "--given", f"masked={whole}", "--out", tmp_path / "x.npy")
    assert "whole.png has no transparent part" in said.error
    said = ganvas("sample", filled, "--out", tmp_path / "x.npy")
    assert "samples depend on masked, too: give --given masked=VALUE" in said.error


def test_scores_and_looks_tell_how_conditions_are_followed(filled: Path) -> None:
    scores = ganvas.evaluate(filled, samples=60)
    assert scores["kappa_masked"].floor == pytest.approx(1)
    assert scores["kappa_masked"].value < 0.5  # six rounds
    assert scores["latent_effect"].value >= 0
    assert list(faults(scores)) == ["labels have no effect"]
    assert "coverage/kappa_masked" in ganvas.diagnose(filled).numbers
    kept = json.loads((filled / "evaluation.json").read_text())
    assert "kappa_masked" in kept["scores"]
    (sheet,) = {Image.open(path).size for path in (filled / "samples").glob("*.png")}
    rows = 8  # each: what is given, and samples of it
    assert sheet[1] == rows * (64 + 2) - 2


def test_samples_of_every_class(ganvas: Ganvas, tmp_path: Path) -> None:
    folder, out = tmp_path / "run", tmp_path / "all.npz"
    assert run(["train", "cgan/digits", "--data", "digits8", "--out", str(folder), *TINY]) == 0
    assert ganvas("sample", folder, "--by-class", "--count", 2, "--out", out).code == 0
    assert np.load(out)["label"].astype(int).tolist() == [k // 2 for k in range(20)]
    said = ganvas("sample", folder, "--by-class", "--label", 3, "--out", out)
    assert "--by-class draws of every class: leave out --label" in said.error
    morph = ("interpolate", folder, "--corner-labels", "1,4,7,9", "--steps", 3)
    assert ganvas(*morph, "--out", tmp_path / "m.npy").code == 0
    assert np.load(tmp_path / "m.npy").shape[0] == 9
    said = ganvas("complete", folder, "digits8", "--out", out)
    assert "given no part or copy of what it makes" in said.error
