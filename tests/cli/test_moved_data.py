"""Runs whose data were moved, and runs that are measured against other data on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ganvas as library
from ganvas.api.measuring import EVALUATION
from tests.cli.conftest import TINY, Ganvas


def write(path: Path, seed: int, shift: float = 0.0, dim: int = 2) -> Path:
    path.parent.mkdir(exist_ok=True)
    np.save(path, shift + np.random.default_rng(seed).standard_normal((60, dim)))
    return path


@pytest.fixture
def moved(ganvas: Ganvas, tmp_path: Path) -> tuple[Path, Path]:
    """Return a stopped run of a few rounds, and where its data lie since."""
    old, new = write(tmp_path / "cloud.npy", 0), tmp_path / "elsewhere.npy"
    run = tmp_path / "run"
    words = ["train", "gan/points", "--data", old, "--out", run, *TINY, "train.stop_at=3"]
    assert ganvas(*words).code == 0
    old.rename(new)
    return run, new


def test_data_are_the_same_wherever_they_lie(
    ganvas: Ganvas, moved: tuple[Path, Path], tmp_path: Path
) -> None:
    run, new = moved
    assert ganvas("evaluate", run).code == 2
    said = ganvas("evaluate", run, "--data", new)
    assert said.code == 0
    assert "against cloud, train" in said.out  # the same data, the same protocol
    assert ganvas("diagnose", run, "--data", new).code == 0
    other = write(tmp_path / "other.npy", 1)
    for command in ("evaluate", "diagnose", "resume"):
        error = ganvas(command, run, "--data", other).error
        assert "are not those that" in error
        assert len(error.splitlines()) <= 2
    assert ganvas("resume", run, "--data", new).code == 0
    assert ganvas("evaluate", run).code == 0  # the run knows its new place


def test_without_a_checkpoint_nobody_can_tell(ganvas: Ganvas, moved: tuple[Path, Path]) -> None:
    run, new = moved
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.unlink()
    error = ganvas("evaluate", run, "--data", new).error
    assert "no sound checkpoint" in error
    assert f"ganvas evaluate {run} --against {new}" in error


def test_drawn_data_lie_nowhere(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    error = ganvas("evaluate", trained, "--data", write(tmp_path / "x.npy", 0)).error
    assert "drawn by a formula" in error


def test_other_data_on_purpose(ganvas: Ganvas, moved: tuple[Path, Path], tmp_path: Path) -> None:
    """Their scores stand beside those of the run's own data, and their protocol names the data."""
    run, new = moved
    ganvas("resume", run, "--data", new)
    own = library.evaluate(run)
    far = write(tmp_path / "far" / "cloud.npy", 2, shift=50.0)
    found = library.evaluate(run, against=far)
    assert found["w1"].value > own["w1"].value + 30
    assert found["w1"].protocol.reference.startswith("cloud (")
    kept = json.loads((run / EVALUATION).read_text())
    assert kept["scores"]["w1"]["value"] == own["w1"].value
    assert kept["against"][str(far)]["scores"]["w1"]["value"] == found["w1"].value
    assert f"Against {far}" in (run / "report.html").read_text("utf-8")
    with pytest.raises(library.UsageError, match="different protocols"):
        found["w1"].minus(own["w1"])
    said = ganvas("compare", run, run, "--against", far)
    assert said.code == 0
    assert f"{found['w1'].value:.4g}" in said.out
    near = write(tmp_path / "near.npy", 3)
    assert f"--against {near}" in ganvas("compare", run, run, "--against", near).error


def test_other_data_must_be_alike(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    wide = write(tmp_path / "wide.npy", 0, dim=3)
    assert (
        "was trained on points with 2 coordinates"
        in ganvas("evaluate", trained, "--against", wide).error
    )
    flat = write(tmp_path / "flat.npy", 0)
    assert ganvas("evaluate", trained, "--against", flat).code == 0
    assert ganvas("evaluate", trained, "--against", "grid25").code == 0
    assert "not both" in ganvas("evaluate", trained, "--against", flat, "--data", flat).error
