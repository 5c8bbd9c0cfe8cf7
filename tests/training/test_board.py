"""The log in TensorBoard: what is written can be read back, once."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ganvas.training.board import Board
from tests.training.players import log

accumulator: Any = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
)


def read(folder: Path) -> Any:
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return events


def steps(folder: Path, tag: str = "loss/generator") -> list[int]:
    return [event.step for event in read(folder).Scalars(tag)]


def test_rows_can_be_read_back(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for row in log(300, loss__generator=lambda r: r / 1000):
        board.show(row)
    events = read(tmp_path)
    assert [(e.step, round(e.value, 6)) for e in events.Scalars("loss/generator")] == [
        (100, 0.1),
        (200, 0.2),
        (300, 0.3),
    ]
    assert set(events.Tags()["scalars"]) == {"loss/generator", "kimg", "img_per_s"}


def test_a_resumed_run_has_every_round_once(tmp_path: Path) -> None:
    first, second = Board(tmp_path), Board(tmp_path, resumed_at=200)
    rows = log(500, loss__generator=1.0)
    for row in rows[:4]:  # killed after round 400; the checkpoint was at 200
        first.show(row)
    time.sleep(1.1)  # files are read in the order of the seconds in their names
    for row in rows[2:]:
        second.show(row)
    second.close()
    assert steps(tmp_path) == [100, 200, 300, 400, 500]


def test_a_roll_back_voids_what_came_after_it(tmp_path: Path) -> None:
    board, rows = Board(tmp_path), log(500, loss__generator=1.0)
    for row in rows[:4]:
        board.show(row)
    board.show({"round": 200, "event": "rollback", "message": "too many steps lost"})
    for row in rows[2:]:
        board.show(row)
    assert steps(tmp_path) == [100, 200, 300, 400, 500]
    assert any("event/rollback" in tag for tag in read(tmp_path).Tags()["tensors"])


def test_sample_pictures_are_kept(tmp_path: Path) -> None:
    board, path = Board(tmp_path), tmp_path / "000000100.png"
    Image.new("L", (8, 6), 200).save(path)
    board.picture(path, 100)
    (image,) = read(tmp_path).Images("samples")
    assert (image.step, image.width, image.height) == (100, 8, 6)


def test_nothing_is_written_before_the_first_row(tmp_path: Path) -> None:
    Board(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_tensorboard_it_stays_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # its import then fails
    board = Board(tmp_path)
    board.show(log(100)[0])
    board.show({"round": 100, "event": "rollback", "message": "x"})
    board.picture(tmp_path / "none.png", 100)
    board.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_once_and_nothing_more_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    resource: Any = pytest.importorskip("resource", reason="there are no limits on files here")
    board, (first, *others) = Board(tmp_path), log(400, loss__generator=1.0)
    board.show(first)
    (file,) = tmp_path.iterdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 9, before[1]))
    try:
        for row in others:
            board.show(row)
        board.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (message,) = caplog.messages
    assert "TensorBoard is shown no more of this run" in message
    assert f"{tmp_path}: " in message
    assert "Traceback" not in capfd.readouterr().err
    assert steps(tmp_path) == [100]
    assert [*tmp_path.iterdir()] == [file]
