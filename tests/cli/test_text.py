"""Text from a file to lines that a model wrote, by commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.cli.app import run
from tests.cli.conftest import TINY, Ganvas

NETWORKS = [f"game.{one}={{width: 4, blocks: 1}}" for one in ("generator", "discriminator")]
WORDS = [*(word for word in TINY if "mlp" not in word), *NETWORKS, "train.rounds=3"]


@pytest.fixture(scope="module")
def poems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a text, and a run that was trained on it."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "poem.txt").write_text("roses are red\nviolets are blue\n" * 40, "utf-8")
    words = ["train", "wgan-gp/text", "--data", str(folder / "poem.txt")]
    assert run([*words, "--out", str(folder / "run"), *WORDS, "data.length=13"]) == 0
    return folder


def test_samples_are_lines_of_text(poems: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "lines.txt"
    assert ganvas("sample", poems / "run", "--count", 5, "--out", out).code == 0
    lines = out.read_text("utf-8").split("\n")
    assert len(lines) == 6
    assert lines[-1] == ""
    assert all(len(line) <= 13 for line in lines)
    previews = list((poems / "run" / "samples").glob("*.svg"))
    assert previews
    assert previews[0].name in {path.name for path in previews}
    report = (poems / "run" / "report.html").read_text("utf-8")
    assert "data:image/svg+xml" in report


def test_lines_are_scored_and_longer_ones_are_not(
    poems: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("roses\nare\n", "utf-8")
    assert ganvas("score", poems / "run", mine, "--out", tmp_path / "s.npy").code == 0
    mine.write_text("roses\nare red and violets blue\n", "utf-8")
    said = ganvas("score", poems / "run", mine, "--out", tmp_path / "s.npy")
    assert said.code == 2
    assert "line 2, has 24 characters; the model's lines have 13 at most" in said.error


def test_a_text_is_described_with_the_recipes_that_fit(poems: Path, ganvas: Ganvas) -> None:
    said = ganvas("data", poems / "poem.txt")
    assert said.code == 0
    assert "poem.txt: text" in said.out
    assert f"ganvas train wgan-gp/text --data {poems / 'poem.txt'} --out DIR" in said.out
    assert "ganvas train wgan-gp/grammar --out DIR" in ganvas("data", "grammar").out


def test_a_run_on_text_is_measured_by_its_ngrams(poems: Path, ganvas: Ganvas) -> None:
    said = ganvas("evaluate", poems / "run")
    assert said.code == 0
    assert all(name in said.out for name in ("js1", "js4", "known_lines", "distinct_lines"))
