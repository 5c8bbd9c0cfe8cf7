"""The walk-through in CONTRIBUTING is run as a newcomer would run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_write_your_own_game(tmp_path: Path) -> None:
    game, checks = blocks("python")
    (recipe,) = blocks("yaml")
    (commands,) = blocks("bash")
    (tmp_path / "my_game.py").write_text(f"{game}\n\n{checks}")
    (tmp_path / "my_recipe.yaml").write_text(recipe)
    assert "keeps the contract" in run(tmp_path, "my_game.py")
    for command in commands.splitlines():
        program, *arguments = command.split()
        assert program == "ganvas"
        run(tmp_path, "-m", "ganvas", *arguments)
    points = np.load(tmp_path / "points.npy")
    assert points.shape == (1000, 2)
    assert np.isfinite(points).all()
