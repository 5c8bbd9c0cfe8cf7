"""Folders and files that somebody else made: nothing is lost, run, or written outside of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Ganvas
from tests.cli.test_errors import snapshot


def test_nothing_is_written_through_links(ganvas: Ganvas, trained: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("dear")
    config = (trained / "config.yaml").read_bytes()
    for name in (
        *("report.html", ".report.html.writing", "config.yaml", ".config.yaml.writing"),
        *("model/README.md", "model/.README.md.writing", "model/.config.json.writing"),
        *("evaluation.json", "samples/000000009.png", "checkpoints/000000009.safetensors"),
    ):
        (trained / name).unlink(missing_ok=True)
        (trained / name).symlink_to(precious)
    (trained / "config.yaml").unlink()
    (trained / "config.yaml").write_bytes(config)
    for words in (["resume", trained, "train.rounds=9"], ["evaluate", trained]):
        said = ganvas(*words)
        assert said.code == 0, said.err
        assert precious.read_text() == "dear"


@pytest.mark.parametrize("name", ["checkpoints", "samples", "model", "metrics.jsonl"])
def test_linked_parts_of_a_run_are_not_written(
    ganvas: Ganvas, trained: Path, tmp_path: Path, name: str
) -> None:
    (trained / name).rename(tmp_path / "elsewhere")
    (trained / name).symlink_to(tmp_path / "elsewhere")
    before = snapshot(tmp_path)
    for words in (["resume", trained, "train.rounds=9"], ["evaluate", trained]):
        said = ganvas(*words)
        assert said.code == 2
        assert f"{trained / name} is a symbolic link" in said.error
        assert snapshot(tmp_path) == before
