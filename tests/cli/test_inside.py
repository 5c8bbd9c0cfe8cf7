"""``ganvas ppl``, ``ganvas inspect`` and options of samples, on a StyleGAN2 of a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ganvas.api.choosing import value
from ganvas.api.run_data import run_data
from ganvas.cli.app import run
from ganvas.model import load
from ganvas.training.settings import Best
from tests.cli.conftest import TINY, Ganvas


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "styled"
    networks = ["game.generator={kind: stylegan2, maps: 16, max_maps: 4, width: 4}"]
    networks += ["game.discriminator={kind: stylegan2, maps: 16, max_maps: 4}", "game.latent.dim=4"]
    words = ["train", "stylegan2/images", "--data", "digits8", "--out", str(folder), *TINY]
    assert run([*words, *networks, "train.kimg=null", "data.labels=false"]) == 0
    return folder


def test_what_was_fitted_is_in_the_log_and_in_the_settings(styled: Path) -> None:
    rows = [json.loads(line) for line in (styled / "metrics.jsonl").read_text().splitlines()]
    notes = [row["message"] for row in rows if row.get("event") == "start"]
    assert any(note.startswith("γ of R1 is 0.0016, 0.0002 times 64 pixels") for note in notes)
    assert any(
        note.startswith("the average of weights has a half-life of 2.5 kimg") for note in notes
    )
    config = (styled / "config.yaml").read_text()
    assert "auto: []" in config
    assert "weight: 0.0016" in config


def test_path_lengths_are_told_and_ranked(ganvas: Ganvas, styled: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "each.json", tmp_path / "ranked.png"
    said = ganvas("ppl", styled, "--count", 20, "--out", out)
    assert said.code == 0
    assert said.out.startswith("ppl[random-conv] in w: ")
    found = json.loads(out.read_text())
    assert len(found["each"]) == 20
    each = np.array(found["each"])
    assert found["percentiles"]["50"] == pytest.approx(np.median(each))
    assert min(each) <= found["value"] <= max(each)
    assert (
        ganvas(
            "ppl", styled, "--space", "z", "--where", "full", "--count", 4, "--out", picture
        ).code
        == 0
    )
    assert picture.stat().st_size > 100
    assert "lie in z or w, not in 'w+'" in ganvas("ppl", styled, "--space", "w+").error


def test_ways_are_those_of_samples_as_options_say(ganvas: Ganvas, styled: Path) -> None:
    def value(*options: str) -> float:
        return float(ganvas("ppl", styled, "--count", 6, *options).out.split()[3])

    whole = value()
    assert value("truncation=1", "noise=fixed") == whole
    assert value("truncation=0.01") < 0.01 * whole
    assert value("truncation=0.01", "cutoff=0") == whole
    assert "have no option 'n'" in ganvas("ppl", styled, "--count", 6, "n=3").error
    two = "a code of W is one style for all layers, and samples with mix=… have two"
    assert two in ganvas("ppl", styled, "--count", 6, "mix=1").error.replace("\n       ", " ")


def test_the_best_model_may_be_that_of_the_shortest_ways(styled: Path) -> None:
    model, source = load(styled, device="cpu"), run_data(styled).source
    assert value(model, source, Best(measure="ppl", samples=20)) > 0
    assert not Best(measure="ppl").higher


def test_inside_are_layers_shares_and_singular_values(
    ganvas: Ganvas, styled: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "inside.json", tmp_path / "inside.html"
    said = ganvas("inspect", styled, "--count", 4, "--out", out)
    assert said.code == 0
    assert "share of the level of 8 pixels" in said.out
    found = json.loads(out.read_text())
    assert sum(found["shares"].values()) == pytest.approx(1, abs=1e-4)
    assert len(found["singular values"]) == 4
    assert all(values == sorted(values, reverse=True) for values in found["singular values"])
    assert ganvas("inspect", styled, "--count", 4, "--space", "z", "--out", page).code == 0
    assert "Singular values" in page.read_text()
    assert (
        "Jacobians of this model are taken in z, w or s"
        in ganvas("inspect", styled, "--space", "w+").error
    )


def test_samples_are_truncated_mixed_and_without_noise(
    ganvas: Ganvas, styled: Path, tmp_path: Path
) -> None:
    def drawn(*options: str) -> np.ndarray:
        out = tmp_path / "x.npy"
        assert ganvas("sample", styled, "--count", 3, "--out", out, *options).code == 0
        return np.load(out)

    own = tmp_path / "maps.npz"
    sides = (4, 8, 8)
    np.savez(own, **{str(n): np.zeros((1, 1, s, s), np.float32) for n, s in enumerate(sides)})
    assert (drawn(f"maps={own}") == drawn("noise=none")).all()
    np.savez(own, **{"0": np.zeros((1, 1, 3, 3), np.float32)})
    said = ganvas("sample", styled, f"maps={own}", "--out", tmp_path / "y.npy")
    assert "expected (1, 1, h, w) for each of 4×4, 8×8, 8×8" in said.error
    alike = drawn("truncation=0", "noise=none")
    assert (alike == alike[:1]).all()
    assert not (drawn("mix=1") == drawn()).all()
    assert (
        "cutoff=9: this model has 4 slots"
        in ganvas("sample", styled, "cutoff=9", "--out", tmp_path / "y.npy").error
    )


def test_detail_is_followed_along_a_direction(ganvas: Ganvas, styled: Path, tmp_path: Path) -> None:
    way, out = tmp_path / "way.safetensors", tmp_path / "inside.json"
    found = ("directions", styled, "--components", "--number", "1", "--space", "w", "--count", 50)
    assert ganvas(*found, "--out", way).code == 0
    said = ganvas("inspect", styled, "--count", 3, "--direction", way, "--out", out)
    assert "detail moves " in said.out
    told = json.loads(out.read_text())["phase"]
    assert -1 <= told["correlation"] <= 1
    assert f"correlation {told['correlation']:.2f}" in said.out
    said = ganvas("inspect", styled, "--count", 3, "--direction", tmp_path / "none.safetensors")
    assert "none.safetensors" in said.error
