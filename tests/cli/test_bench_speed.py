"""``ganvas bench speed``, as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ganvas

TINY = [
    *("data.source=digits8", "train.batch=4", "train.accelerator=cpu"),
    *(f"game.{player}={{width: 4, stages: 2}}" for player in ("generator", "discriminator")),
]


@pytest.mark.slow
def test_a_recipe_is_measured(ganvas: Ganvas, tmp_path: Path) -> None:
    results = tmp_path / "speed.jsonl"
    options = ["--seconds", "0", "--threads", "1", "--results", str(results)]
    said = ganvas("bench", "speed", "dcgan/digits", *TINY, *options)
    assert said.code == 0, said.err
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["way"] for row in rows] == ["plain", "fp32", "auto"]
    assert all(row["threads"] == 1 and row["gflop"] > 0 and row["blocks"] == 5 for row in rows)
    assert all(0 <= row["in_system"] <= 1 and row["round_ms"] > 0 for row in rows)
    assert all(len(row["over_fp32"]) == 3 for row in rows if row["way"] != "fp32")
    assert "times as fast as fp32" in said.out
    assert "of convolutions" in said.out


def test_what_is_asked_wrongly_is_told_in_a_line(ganvas: Ganvas) -> None:
    said = ganvas("bench", "speed", "dcgan/digit")
    assert said.code == 2
    assert "dcgan/digits" in said.error
    said = ganvas("bench", "speed", "dcgan/digits", "--clock", "sun")
    assert said.code == 2
    assert said.error == "error: --clock sun: expected one of wall, cpu"
