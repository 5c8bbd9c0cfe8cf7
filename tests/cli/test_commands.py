"""What each command does when all is well."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import ganvas as library
from ganvas.recipes import names
from ganvas.training.folder import RunFolder
from tests.cli.conftest import TINY, Ganvas


def test_train_leaves_a_complete_run_folder(trained: Path) -> None:
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["name"] == "gan/ring8"
    assert config["game"]["system"] == "gan"
    assert config["train"]["rounds"] == 6
    assert [row["round"] for row in RunFolder(trained).rows()] == [2, 4, 6]
    assert sorted(p.name for p in (trained / "samples").iterdir()) == [
        "000000003.png",
        "000000006.png",
    ]
    assert {p.name for p in trained.iterdir()} == {
        *("checkpoints", "config.yaml", "environment.json", "metrics.jsonl", "model"),
        *("report.html", "samples"),
    }
    made = json.loads((trained / "environment.json").read_text())
    assert {"python", "torch", "ganvas", "started", "command"} <= made.keys()
    assert "+" not in made["torch"]


def test_train_says_how_it_ended_and_where_to_look(ganvas: Ganvas, tmp_path: Path) -> None:
    said = ganvas("train", "gan/ring8", "--out", tmp_path / "run", *TINY, "train.stop_at=4")
    assert said.code == 0
    assert f"stopped at round 4; go on with: ganvas resume {tmp_path / 'run'}" in said.out
    for part in ("samples", "report.html", "model"):
        assert str(tmp_path / "run" / part) in said.out


def test_stopping_and_resuming_is_training(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    ganvas("train", "gan/ring8", "--out", tmp_path / "run", *TINY, "train.stop_at=2")
    assert ganvas("resume", tmp_path / "run", "train.stop_at=5").code == 0
    assert "finished at round 6" in ganvas("resume", tmp_path / "run").out
    ours, theirs = (library.load(folder) for folder in (tmp_path / "run", trained))
    for name, tensor in theirs.game.state_dict().items():
        assert torch.equal(ours.game.state_dict()[name], tensor), name


def test_raising_the_horizon_is_said(ganvas: Ganvas, trained: Path) -> None:
    said = ganvas("resume", trained, "train.rounds=8")
    assert said.code == 0
    assert "finished at round 8" in said.out
    (event,) = [row for row in RunFolder(trained).rows() if "event" in row]
    assert event["round"] == 6
    assert "now 8 rounds, it was 6 rounds: all schedules change" in event["message"]


def test_overwrite_replaces_a_run(ganvas: Ganvas, trained: Path) -> None:
    (trained / "stale").write_text("")
    said = ganvas("train", "gan/ring8", "--out", trained, "--overwrite", *TINY)
    assert said.code == 0
    assert not (trained / "stale").exists()


def test_from_takes_over_what_fits(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    words = [*TINY, "train.stop_at=1", "game.discriminator.widths=[8, 8]"]
    said = ganvas("train", "gan/grid25", "--out", tmp_path / "b", "--from", trained, *words)
    assert said.code == 0
    notes = [row["message"] for row in RunFolder(tmp_path / "b").rows() if "event" in row]
    assert notes[0].startswith("loaded from")
    assert "generator (4 tensors), judge (4 tensors)" in notes[0]
    assert notes[1].startswith("new: ")
    assert "judge.network.hidden.2.weight" in notes[1]
    assert notes[2] == "dropped: nothing"


def test_a_dry_run_writes_nothing(
    ganvas: Ganvas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = ganvas("train", "gan/ring8", "--out", "run", "--dry-run", *TINY)
    assert said.code == 0
    # 2 coordinates from 255 latents through 8 units, and back to a score
    generator = 255 * 8 + 8 + 8 * 2 + 2
    discriminator = 2 * 8 + 8 + 8 + 1
    assert f"{generator:,}" in said.out
    assert f" {discriminator} " in said.out
    assert "6 rounds" in said.out
    assert "time: about" in said.out
    assert not list(tmp_path.iterdir())


def test_a_dry_run_says_what_is_taken_over(ganvas: Ganvas, trained: Path) -> None:
    said = ganvas("train", "gan/grid25", "--from", trained, "--dry-run", *TINY)
    assert said.code == 0
    assert "loaded from" in said.out
    said = ganvas("train", "dcgan/digits", "--from", trained, "--dry-run")
    assert said.code == 2
    assert "fits this recipe's networks" in said.error


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png"])
def test_sample(ganvas: Ganvas, trained: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    assert ganvas("sample", trained, "--count", "5", "--seed", "3", "--out", out).code == 0
    expected = library.load(trained).sample(5, seed=3).x
    if suffix == ".png":
        assert Image.open(out).size > (1, 1)
    else:
        read = np.load(out)
        assert np.array_equal(read if suffix == ".npy" else read["points"], expected)


def test_interpolate(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "way.npy"
    words = ["--from-seed", "3", "--to-seed", "4", "--steps", "5", "--out", out]
    assert ganvas("interpolate", trained, *words).code == 0
    model = library.load(trained)
    way = np.load(out)
    assert len(way) == 5
    assert np.allclose(way[[0, -1]], [model.sample(1, seed=s).x[0] for s in (3, 4)], atol=1e-5)


def test_evaluate_keeps_what_it_prints(ganvas: Ganvas, trained: Path) -> None:
    said = ganvas("evaluate", trained, "--json")
    assert said.code == 0
    scores = {score["name"]: score for score in json.loads(said.out)}
    assert scores["modes"]["protocol"]["samples"] == 50
    kept = json.loads((trained / "evaluation.json").read_text())["scores"]
    assert kept == scores
    assert "| modes |" in (trained / "model" / "README.md").read_text()
    assert "modes" in ganvas("evaluate", trained, "--count", "20").out


def test_compare(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    ganvas("train", "gan/ring8", "--out", tmp_path / "b", *TINY, "seed=1")
    for folder in (trained, tmp_path / "b"):
        ganvas("evaluate", folder)
    said = ganvas("compare", trained, tmp_path / "b")
    assert said.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line}
    assert rows["seed"] == ["0", "1"]
    a, b, change = map(float, rows["w1"])
    assert change == pytest.approx(b - a, abs=1e-2 * abs(b))


def test_three_runs_are_compared_in_a_table_and_on_a_page(
    ganvas: Ganvas, trained: Path, tmp_path: Path
) -> None:
    runs = [trained, tmp_path / "b", tmp_path / "c"]
    for seed, run in enumerate(runs[1:], 1):
        ganvas("train", "gan/ring8", "--out", run, *TINY, f"seed={seed}")
    for run in runs:
        ganvas("evaluate", run)
    page = tmp_path / "compared.html"
    said = ganvas("compare", *runs, "--out", page)
    assert said.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line}
    assert rows["seed"] == ["0", "1", "2"]
    found = library.compare(*runs)
    assert rows["w1"] == [f"{score.value:.4g}" for score in found.scores["w1"]]
    assert found.settings == {"seed": ["0", "1", "2"]}
    text = page.read_text("utf-8")
    assert all(number in text for number in rows["w1"])
    assert "<svg" in text  # their losses
    assert "two runs or more" in ganvas("compare", trained).error
    assert "expected an .html page" in ganvas("compare", *runs, "--out", "x.png").error


def test_diagnose(ganvas: Ganvas, trained: Path) -> None:
    said = ganvas("diagnose", trained)
    assert said.code == 0
    assert said.out.startswith("verdict: ")
    found = json.loads(ganvas("diagnose", trained, "--json").out)
    assert found["evidence"]
    kept = json.loads((trained / "evaluation.json").read_text())["verdict"]
    assert kept == {"name": found["verdict"], "evidence": found["evidence"]}


def test_recipes_are_listed_and_shown(ganvas: Ganvas) -> None:
    said = ganvas("recipes")
    assert [line.split()[0] for line in said.out.splitlines()[: len(names())]] == [*names()]
    shown = yaml.safe_load(ganvas("recipes", "gan/ring8").out)
    assert shown["train"]["batch"]
    schema = json.loads(ganvas("recipes", "gan/ring8", "--schema").out)
    assert schema["properties"].keys() == shown.keys()


def test_data_names_recipes_that_fit(ganvas: Ganvas, tmp_path: Path) -> None:
    said = ganvas("data", "ring8")
    assert "ganvas train gan/ring8 --out DIR" in said.out
    points = tmp_path / "mine.npy"
    np.save(points, np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))
    said = ganvas("data", points)
    assert said.code == 0
    assert f"ganvas train gan/points --data {points} --out DIR" in said.out


def test_recipes_that_need_labels_fit_labelled_images_only(ganvas: Ganvas, tmp_path: Path) -> None:
    images = np.zeros((20, 8, 8), np.uint8)
    plain, labelled = tmp_path / "plain.npz", tmp_path / "labelled.npz"
    np.savez(plain, images=images)
    np.savez(labelled, images=images, labels=np.arange(20) % 2)
    assert "train gan/images" in ganvas("data", plain).out
    assert "train cgan/images" not in ganvas("data", plain).out
    assert "train cgan/images" in ganvas("data", labelled).out


def test_any_recipe_takes_own_data(ganvas: Ganvas, tmp_path: Path) -> None:
    points = tmp_path / "mine.npy"
    np.save(points, np.random.default_rng(0).normal(7, 3, size=(50, 3)).astype(np.float32))
    run = tmp_path / "run"
    assert ganvas("train", "gan/points", "--data", points, "--out", run, *TINY).code == 0
    assert library.load(run).sample(4).x.shape == (4, 3)
    assert ganvas("evaluate", run).code == 0


def test_the_python_functions_are_the_commands(tmp_path: Path) -> None:
    settings = {"train.stop_at": 2, "train": {"rounds": 9}, "game.generator": None}
    ending = library.train("gan/ring8", tmp_path / "run", quiet=True, **settings)
    assert (ending.outcome, ending.rounds) == ("stopped", 2)
    assert library.resume(tmp_path / "run", ["train.stop_at=3"], quiet=True).rounds == 3
    assert library.load(tmp_path / "run").sample(2).x.shape == (2, 2)
    assert library.evaluate(tmp_path / "run", samples=30)["modes"].protocol.samples == 30
