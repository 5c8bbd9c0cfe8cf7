from __future__ import annotations

import json
import os
from pathlib import Path

from ganvas.training.log import Log


def line(round: int) -> bytes:
    return json.dumps({"round": round}).encode() + b"\n"


def rounds(log: Log) -> list[int]:
    return [row["round"] for row in log.read()[0]]


def test_a_growing_log_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    path, log = tmp_path / "metrics.jsonl", Log(tmp_path / "metrics.jsonl")
    assert rounds(log) == []
    path.write_bytes(line(1) + b"[1]\n" + line(2)[:4])  # the last row is being written
    assert log.read() == ([{"round": 1}], [b"[1]"])
    with open(path, "r+b") as file:  # what was read before is not looked at again
        file.write(b"x")
        file.seek(0, os.SEEK_END)
        file.write(line(2)[4:] + line(3)[:-1])  # and a row counts before its line has an end
    assert rounds(log) == [1, 2, 3]
    with open(path, "ab") as file:
        file.write(b"\n" + line(4))
    assert rounds(log) == [1, 2, 3, 4]
    assert Log(path).read()[1] == [b"x" + line(1)[1:-1], b"[1]"]


def test_a_log_that_was_cut_or_replaced_is_read_anew(tmp_path: Path) -> None:
    path, log = tmp_path / "metrics.jsonl", Log(tmp_path / "metrics.jsonl")
    path.write_bytes(line(1) + line(2) + line(3))
    assert rounds(log) == [1, 2, 3]
    path.write_bytes(line(7))
    assert rounds(log) == [7]
    other = tmp_path / "other"
    other.write_bytes(line(1) + line(2) + line(9))
    os.replace(other, path)
    assert rounds(log) == [1, 2, 9]
