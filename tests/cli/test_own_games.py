"""Games of one's own run because a command names them, and never because a file does."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from ganvas.model import MODEL
from ganvas.model.sealed import write_sealed
from ganvas.recipes import text
from tests.cli.conftest import TINY, Ganvas
from tests.cli.test_errors import snapshot

OWN = """
from pathlib import Path

from ganvas.games.gan import GAN

Path(__file__).with_name("imported").touch()


class Mine(GAN):
    system = "mine"
"""
FLAG = ("--game", "dl.evil:Mine")


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the mark that a downloaded module leaves when it is imported."""
    (tmp_path / "dl").mkdir()
    (tmp_path / "dl" / "evil.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("dl", "dl.evil"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path / "dl" / "imported"


@pytest.fixture
def run(trained: Path, evil: Path) -> Path:
    """Return a run folder whose recipe and model name a module that lies about."""
    tree = text.read(trained / "config.yaml")
    tree["game"]["system"] = "dl.evil:Mine"
    (trained / "config.yaml").write_text(text.write(tree))
    weights = trained / "model" / MODEL
    config = json.loads((trained / "model" / "config.json").read_text())
    config |= {"system": "mine", "code": "dl.evil:Mine"}
    write_sealed(weights, load_file(weights), {"ganvas": json.dumps(config)})
    return trained


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "RUN"],
        ["diagnose", "RUN"],
        ["resume", "RUN"],
        ["compare", "RUN", "RUN"],
        ["nearest", "RUN"],
        ["posterior", "RUN", "--out", "x.svg"],
        ["sample", "RUN", "--out", "x.npy"],
        ["latents", "RUN", "--out", "x.png"],
        ["export", "RUN", "--out", "x.pt2"],
        ["distance", "RUN", "ring8", "--steps", "1"],
        ["distance", "ring8", "ring8", "--recipe", "RUN/config.yaml", "--steps", "1"],
        ["recipes", "RUN/config.yaml"],
        ["recipes", "RUN/config.yaml", "--schema"],
        ["codes", "RUN/config.yaml"],
        ["train", "RUN/config.yaml", "--dry-run"],
        ["train", "RUN/config.yaml", "--out", "again"],
        ["train", "gan/ring8", "--out", "again", "game.system=dl.evil:Mine"],
    ],
    ids=" ".join,
)
def test_a_downloaded_run_runs_no_code(
    ganvas: Ganvas, run: Path, evil: Path, words: list[str]
) -> None:
    before = snapshot(run)
    said = ganvas(*(word.replace("RUN", str(run)) for word in words))
    assert said.code == 2
    assert "--game dl.evil:Mine" in said.error
    assert "\n" not in said.error
    assert not evil.exists()
    assert snapshot(run) == before
    assert not Path("again").exists()


@pytest.mark.slow
def test_a_game_of_ones_own_goes_all_the_way(ganvas: Ganvas, evil: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("base: gan/ring8\ngame: {system: 'dl.evil:Mine'}\n")
    said = ganvas("train", recipe, "--dry-run", *FLAG, *TINY)
    assert (said.code, evil.exists()) == (0, True)
    said = ganvas("train", recipe, "--out", "run", *FLAG, *TINY, "train.stop_at=3")
    assert "go on with: ganvas resume run --game dl.evil:Mine" in said.out
    assert "system: dl.evil:Mine" in Path("run/config.yaml").read_text()
    assert json.loads(Path("run/model/config.json").read_text())["code"] == "dl.evil:Mine"
    said = ganvas("resume", "run", *FLAG, "train.batch=3")
    assert "ganvas train run/config.yaml --game dl.evil:Mine --out DIR train.batch=3" in said.error
    assert ganvas("resume", "run", *FLAG).code == 0
    assert ganvas("evaluate", "run", *FLAG).code == 0
    assert ganvas("diagnose", "run", *FLAG).code == 0
    assert "ganvas resume run --game dl.evil:Mine" in Path("run/report.html").read_text()
    assert ganvas("recipes", "run/config.yaml", *FLAG).code == 0
    assert ganvas("sample", "run", "--out", "x.npy", *FLAG).code == 0
    assert ganvas("distance", "run", "ring8", "--steps", "1", *FLAG).code == 0
    shutil.copytree("run", "other")
    assert ganvas("compare", "run", "other", *FLAG).code == 0


def test_the_flag_is_no_change_of_system(ganvas: Ganvas, evil: Path, trained: Path) -> None:
    for words in (
        ["resume", trained],
        ["evaluate", trained],
        ["sample", trained, "--out", "x.npy"],
    ):
        before = snapshot(trained)
        said = ganvas(*words, *FLAG)
        assert said.code == 2
        assert "is gan" in said.error or "model of gan" in said.error
        assert snapshot(trained) == before
