"""Who speaks when several processes run the same command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganvas.cli.speech import complain, say


@pytest.mark.parametrize(
    ("variables", "says", "complains"),
    [
        ({}, True, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True, True),
        ({"RANK": "1", "LOCAL_RANK": "1"}, False, False),
        ({"RANK": "2", "LOCAL_RANK": "0"}, False, True),  # its node's first: nobody else knows
        ({"SLURM_PROCID": "2", "SLURM_LOCALID": "0"}, False, True),
        ({"SLURM_PROCID": "3", "SLURM_LOCALID": "1"}, False, False),
        ({"NODE_RANK": "1"}, False, True),
        ({"RANK": "x", "LOCAL_RANK": "", "NODE_RANK": "-1"}, True, True),  # nonsense names nobody
    ],
)
def test_one_process_speaks_and_before_they_met_one_of_each_node(
    variables: dict[str, str],
    says: bool,
    complains: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    say("a result")
    complain("a mistake")
    told = capsys.readouterr()
    assert told.out == ("a result\n" if says else "")
    assert told.err == ("error: a mistake\n" if complains else "")


def test_torchrun_hears_what_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(report))
    monkeypatch.setenv("LOCAL_RANK", "1")
    complain("a mistake")
    assert json.loads(report.read_text())["message"]["message"] == "a mistake"
