"""``ganvas gallery``: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ganvas


def test_named_items_are_written_and_their_numbers_printed(ganvas: Ganvas, tmp_path: Path):
    said = ganvas("gallery", "g7", "G12", "--out", tmp_path / "new")
    assert said.code == 0
    assert said.err == ""
    assert "W by Sinkhorn's iteration" in said.out
    assert said.out.index("g7:") < said.out.index("g12:")
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written == {"g7.svg", "g7.json", "g12.svg", "g12.json", "index.md", "gallery.html"}
    held = json.loads((tmp_path / "new" / "g12.json").read_text("utf-8"))
    assert held["seed"] == 0
    assert held["rows"][0]["value"] == pytest.approx(12.03, abs=0.01)


def test_numbers_are_a_table_of_value_expected_and_error(ganvas: Ganvas, tmp_path: Path):
    said = ganvas("gallery", "g8", "--out", tmp_path)
    lines = {line.partition("  ")[0]: line.split()[-3:] for line in said.out.splitlines()}
    assert lines["quantity"] == ["value", "expected", "error"]
    value, expected, error = lines["JS at every θ ≠ 0, lowest"]
    assert (value, expected) == ("0.693147", "0.693147")
    assert float(error) < 1e-6
    assert lines["KL at every θ ≠ 0, lowest"] == ["inf", "inf", "0"]


def test_the_list(ganvas: Ganvas, tmp_path: Path):
    said = ganvas("gallery", "--list", "--out", tmp_path / "none")
    assert [line.split()[0] for line in said.out.splitlines()][:3] == ["theory", "g1", "g2"]
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["thoery"], "there is no item 'thoery' in the gallery. Did you mean 'theory'?"),
        (["g1", "g16"], "there is no item 'g16'"),
        (["g1", "--seed", "-1"], "--seed"),
        (["g1", "--out", "FILE"], "is a file, not a folder; give another path"),
        (["g7", "--out", "FILE/x"], "is a file, not a folder; give another path"),
    ],
)
def test_a_wrong_request(ganvas: Ganvas, tmp_path: Path, words: list[str], complaint: str):
    file = tmp_path / "file"
    file.write_text("mine")
    said = ganvas("gallery", *(word.replace("FILE", str(file)) for word in words))
    assert said.code == 2
    assert complaint in said.error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "mine"
