"""Commands that look inside networks: features, probe, guided, forget."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ganvas.cli.app import run
from ganvas.data import progress
from tests.cli.conftest import TINY, Ganvas

NETWORK = "{kind: dcgan, width: 4, stages: 2}"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features") / "digits"
    networks = (f"game.{player}={NETWORK}" for player in ("generator", "discriminator"))
    words = ["data.source=digits8", *TINY, *networks, "game.latent.dim=4"]
    assert run(["train", "dcgan/digits", "--out", str(folder), *words]) == 0
    return folder


def test_features_are_written_with_the_names_of_their_layers(
    seen: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    x = np.random.default_rng(0).integers(0, 256, size=(6, 8, 8, 1)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "f.npz"
    said = ganvas("features", seen, tmp_path / "x.npy", "--out", out)
    assert said.code == 0
    found = np.load(out)
    assert found["features"].shape == (6, found["widths"].sum()) == (6, 4 * 16 + 8 * 4)
    assert found["layers"].tolist() == ["blocks.0.act", "blocks.1.act"]
    assert "96 features of 6 items" in said.out
    words = ("--layers", "2", "--side", "1", "--half", "--statistics", "running")
    assert ganvas("features", seen, tmp_path / "x.npy", "--out", out, *words).code == 0
    again = np.load(out)["features"]
    assert again.dtype == np.float16
    assert again.shape == (6, 8)
    assert ganvas("features", seen, tmp_path / "x.npy", "--out", tmp_path / "f.png").code == 2
    said = ganvas("features", seen / "model", tmp_path / "x.npy", "--out", out)
    assert said.code == 2
    assert "--statistics running" in said.error


def test_a_probe_says_what_it_reached(seen: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "probe.json"
    words = ("--labels-per-class", "3", "--draws", "2", "--centroids", "8", "--steps", "2")
    said = ganvas("probe", seen, *words, "--out", out)
    assert said.code == 0, said.err
    told = json.loads(out.read_text())
    names = ["discriminator", "untrained discriminator", "raw values", "k-means patches"]
    assert [row["name"] for row in told] == [*names, "labels alone"]
    assert all(len(row["accuracies"]) == 2 for row in told)
    assert "2 draws of 3 labels for each of 10 classes" in said.out
    said = ganvas("probe", seen, "--labels-per-class", "5000")
    assert said.code == 2
    assert "ask for --labels-per-class" in said.error
    np.save(tmp_path / "x.npy", np.zeros((9, 8, 8, 1), np.uint8))
    said = ganvas("probe", seen, "--data", tmp_path / "x.npy")
    assert said.code == 2
    assert "has no labels" in said.error


def test_what_takes_long_says_how_far_it_is(
    seen: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    said = ganvas(
        *("probe", seen, "--labels-per-class", 2, "--draws", 2, "--centroids", 4, "--steps", 3)
    )
    assert said.code == 0
    told = [line for line in said.err.splitlines() if " of " in line]
    assert any(line.startswith("taking batch statistics: ") for line in told)
    assert any(line.startswith("probing untrained discriminator: ") for line in told)
    assert "training on labels alone: 6 of 6" in told
    for line in told:
        done, total = line.rpartition(": ")[2].replace(",", "").split(" of ")
        assert int(done) <= int(total)


def test_guided_gradients_are_drawn(seen: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "guided.svg"
    assert ganvas("guided", seen, "--out", out, "--maps", "2", "--top", "3").code == 0
    svg = out.read_text()
    ElementTree.fromstring(svg)
    assert svg.count("<image") == 4  # two maps of two networks
    assert "map 2, untrained" in svg
    assert ganvas("guided", seen, "--out", tmp_path / "guided.png").code == 2


def test_an_object_is_forgotten(seen: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    boxes, out = tmp_path / "boxes.csv", tmp_path / "out.npz"
    boxes.write_text("sample,x0,y0,x1,y1\n0,0,0,4,4\n2,0,0,4,4\n")
    said = ganvas("forget", seen, boxes, "--out", out, "--layer", "1", "--count", "3")
    assert said.code == 0, said.err
    found = np.load(out)
    assert found["before"].shape == found["after"].shape == (3, 8, 8, 1)
    assert found["maps"].tolist() == np.flatnonzero(found["weights"] > 0).tolist()
    assert f"{len(found['maps'])} of {len(found['weights'])}" in said.out
    masks = np.zeros((3, 8, 8), bool)
    masks[[0, 2], :4, :4] = True
    np.save(tmp_path / "masks.npy", masks)
    words = ("--layer", "1", "--most", "1")
    said = ganvas("forget", seen, tmp_path / "masks.npy", "--out", tmp_path / "o.png", *words)
    assert said.code == 0, said.err
    assert Image.open(tmp_path / "o.png").size[0] > 8
    boxes.write_text("sample,x0,y0,x1,y1\n0,0,0,4,9\n")
    said = ganvas("forget", seen, boxes, "--out", out)
    assert said.code == 2
    assert "line 2: the box from 0,0 to 4,9" in said.error
