"""``ganvas distance`` compares files, known sets and runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.cli.conftest import Ganvas

SMALL = ("game.discriminator={kind: mlp, widths: [8]}", "train.batch=16")


def test_a_file_is_compared_with_what_a_run_draws(
    ganvas: Ganvas, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "points.npy"
    np.save(file, np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32))
    words = ["distance", file, trained, *SMALL, "--steps", "3"]
    said = ganvas(*words)
    assert said.code == 0, said.err
    assert "distance: the second over the third" in said.out
    told = json.loads(ganvas(*words, "--json").out)
    assert {"value", "train", "held_out", "slope", "exact", "curve"} == told.keys()
    assert f"{told['exact']:.4g}" in said.out


def test_a_set_that_is_not_there_is_named(ganvas: Ganvas) -> None:
    said = ganvas("distance", "ring9", "ring8")
    assert said.code == 2
    assert "Did you mean 'ring8'" in said.error
