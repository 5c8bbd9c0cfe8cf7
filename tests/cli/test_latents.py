"""``ganvas latents``, and styles of one class in another, on tiny models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas
from ganvas.cli.app import run
from tests.cli.conftest import Ganvas

TINY = [
    *("train.rounds=3", "train.batch=20", "train.log_every=1", "train.sample_every=0"),
    *("train.watch_every=0", "train.tensorboard=false", "train.accelerator=cpu"),
    *("evaluate.at_end=false", "data.hold_out=0.2"),
    *("game.encoder={kind: mlp, widths: [8]}", "game.decoder={kind: mlp, widths: [8]}"),
]


@pytest.fixture(scope="module")
def sphere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "sphere"
    words = ["train", "svae/images", "--data", "digits8", "--out", str(folder), *TINY]
    assert run([*words, "game.latent.dim=2", "evaluate.samples=100"]) == 0
    return folder


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "labelled"
    words = ["train", "svae-m2/images", "--data", "digits8", "--out", str(folder), *TINY]
    assert run([*words, "game.labels=20", "game.between.widths=[8]"]) == 0
    return folder


def test_items_and_the_whole_space(ganvas: Ganvas, sphere: Path, tmp_path: Path) -> None:
    figure, grid = tmp_path / "items.svg", tmp_path / "grid.png"
    assert ganvas("latents", sphere, "digits8", "--out", figure).code == 0
    assert "Hammer" in figure.read_text("utf-8")
    assert ganvas("latents", sphere, "--out", grid, "--edge", 4).code == 0
    assert grid.is_file()
    said = ganvas("latents", sphere, "--out", figure)
    assert said.code == 2
    assert "the whole space become a .png" in said.error


def test_own_measures_are_evaluated(ganvas: Ganvas, sphere: Path) -> None:
    assert ganvas("evaluate", sphere, "--count", 50).code == 0
    shown = ganvas("compare", sphere, sphere).out
    assert all(name in shown for name in ("log_likelihood", "elbo", "accuracy_100_labels"))


def test_a_style_in_another_class(ganvas: Ganvas, labelled: Path, tmp_path: Path) -> None:
    items, out = tmp_path / "items.npy", tmp_path / "styled.npy"
    assert ganvas("sample", labelled, "--count", 3, "--label", 4, "--out", items).code == 0
    assert ganvas("reconstruct", labelled, items, "--label", 7, "--out", out).code == 0
    assert np.load(out).shape == (3, 8, 8, 1)
    assert ganvas("latents", labelled, "--out", tmp_path / "s.png", "--label", 3).code == 0
    said = ganvas("latents", labelled, "--out", tmp_path / "s.png")
    assert "samples have a class" in said.error


def test_latents_and_classes_from_python(sphere: Path, labelled: Path) -> None:
    model = ganvas.load(sphere)
    z = np.eye(3)
    assert model.decode(z).x.shape == (3, 8, 8, 1)
    assert (model.decode(z).x[1] == model.decode(z[1:2]).x[0]).all()
    with pytest.raises(ganvas.UsageError, match="latents of shape"):
        model.decode(np.zeros((2, 5)))
    with pytest.raises(AttributeError, match="has no 'predict'"):
        model.predict(model.decode(z).x)
    classes = ganvas.load(labelled).predict(np.zeros((4, 8, 8, 1), np.uint8))
    np.testing.assert_allclose(classes.sum(axis=1), 1, rtol=1e-5)


def test_scores_name_the_files_that_they_are_of(
    sphere: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    for name in ("b.png", "test/a.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9).save(path)
    said = ganvas("score", sphere, tmp_path / "photos").out.splitlines()
    assert [line.split("\t")[0] for line in said] == ["b.png", "test/a.png"]
    out = tmp_path / "scores.npz"
    ganvas("score", sphere, tmp_path / "photos", "--out", out)
    with np.load(out) as found:
        assert found["files"].tolist() == ["b.png", "test/a.png"]
        assert found["scores"].shape == (2,)
    only = ganvas("score", sphere, tmp_path / "photos" / "b.png").out
    assert only.startswith("b.png\t")
