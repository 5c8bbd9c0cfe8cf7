"""The part of the report about training and held-out data."""

from __future__ import annotations

import json
from pathlib import Path

from ganvas.report import write_report
from ganvas.report.overfitting import gaps
from ganvas.report.run import read_run


def logged(folder: Path, rows: list[dict[str, float]]) -> Path:
    folder.mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(text)
    return folder


def test_gap_is_the_difference_at_the_same_rounds(tmp_path: Path) -> None:
    train = {10: 1.0, 20: 2.0, 30: 4.0}
    held_out = {10: 1.0, 30: 1.5}
    rows = [
        {
            "round": r,
            "estimate/wasserstein": 9.0,
            "estimate/wasserstein_train": train[r],
            **({"estimate/wasserstein_held_out": held_out[r]} if r in held_out else {}),
        }
        for r in train
    ]
    run = read_run(logged(tmp_path / "run", rows))
    (gap,) = gaps(run)
    assert gap.name == "wasserstein"
    assert gap.values == [0.0, 2.5]
    page = write_report(run.folder).read_text("utf-8")
    assert "<h2>Overfitting</h2>" in page
    assert "<td>4</td><td>1.5</td><td>2.5</td><td>2.5</td>" in page
    assert "held-out data</" in page


def test_a_run_without_held_out_data_has_no_such_part(tmp_path: Path) -> None:
    run = logged(tmp_path / "run", [{"round": 1, "estimate/wasserstein": 1.0}])
    assert gaps(read_run(run)) == []
    assert "Overfitting" not in write_report(run).read_text("utf-8")
