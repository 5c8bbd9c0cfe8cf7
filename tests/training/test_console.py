"""Progress reads well with and without a terminal."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from ganvas.play import Stage
from ganvas.training.beside import Hooks
from ganvas.training.console import Progress, memory
from ganvas.training.folder import RunFolder
from ganvas.training.hooks import make_hooks
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import TrainSettings
from tests.contract.cases import CASES
from tests.training.players import log

UP = "\x1b[1A\x1b[2K"  # one line up, and erase it


def plain(**settings: object) -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    train = TrainSettings.model_validate(settings)
    return Progress(train, console=Console(file=out, width=80, highlight=False)), out


def test_a_short_run_is_readable_in_a_log_file(run_folder: Path) -> None:
    case, out = CASES["unrolled-tiny"], io.StringIO()
    train = TrainSettings(rounds=12, batch=8, log_every=2, watch_every=6, checkpoint_every=6)
    folder = RunFolder.create(run_folder, "")
    game, source = case.build(), case.source()
    progress = Progress(train, game.stages(), console=Console(file=out, width=80))
    Loop(game, source, train, folder, launch(train), hooks=Hooks([progress.show])).run()
    lines = out.getvalue().splitlines()
    speed = r"[\d,.]+ img/s( \([\d,]+ s/kimg\))?"
    losses = r"loss [a-z]+ -?[\d.e-]+, [a-z]+ -?[\d.e-]+"
    state = rf"{losses} \| [\d.]+ GiB"
    first = rf"round 2 of 12 \(17%\) \| 0\.0 kimg \| {speed} \| \d+ s left \| {state}"
    last = rf"round 12 of 12 \(100%\) \| 0\.1 kimg \| {speed} \| {state}"
    assert re.fullmatch(first, lines[0]), lines[0]
    assert re.fullmatch(last, lines[-1]), lines[-1]
    assert "\x1b" not in out.getvalue()


def test_first_rows_come_soon_then_every_ten_seconds_and_the_last_always() -> None:
    progress, out = plain(rounds=10_000)
    for row in log(10_000, every=25):  # a row every quarter of a second, 100 s in all
        progress.show(row)
    shown = [int(n.replace(",", "")) for n in re.findall(r"round ([\d,]+) of", out.getvalue())]
    assert shown[:3] == [25, 125, 225]
    assert all(b - a == 1000 for a, b in pairwise(shown[10:-1]))
    assert shown[-1] == 10_000
    assert len(shown) < 25


def test_events_are_always_shown_and_long_lines_not_cut() -> None:
    progress, out = plain(rounds=1000)
    message = "collapsed: " + "samples differ 0.1 times as much as real items do; " * 4 + "Try: x"
    progress.show({"round": 500, "event": "warning", "message": message})
    assert out.getvalue() == f"round 500: warning: {message}\n"


def test_coverage_stays_on_the_line_between_looks() -> None:
    progress, out = plain(rounds=1000)
    rows = log(300, loss__generator=0.5)
    rows[0] |= {"coverage/modes": 7.0, "coverage/hq": 91.26, "coverage/sigma_ratio": 1.0}
    for row in rows:
        progress.show(row)
    assert out.getvalue().count("| loss generator 0.5 | modes 7, good 91.3 % |") == 3


def test_time_left_is_that_of_this_session() -> None:
    out, rows = io.StringIO(), log(600)
    for row in rows[3:]:
        row["time"] = 1000 + (row["round"] - 300) * 0.02  # resumed after a pause, at half speed
    progress = Progress(
        TrainSettings(rounds=1000), history=[rows[0], rows[2] | {"time": 1000.0}],
        console=Console(file=out, width=80),
    )  # fmt: skip
    progress.show(rows[3])
    assert "round 400 of 1,000 (40%)" in out.getvalue()
    assert "| 12 s left |" in out.getvalue()


def test_horizon_in_kimg_and_stages() -> None:
    out = io.StringIO()
    stages = [Stage("warm-up", lambda *_: None, 200), Stage("main", lambda *_: None)]
    console = Console(file=out, width=80)
    progress = Progress(TrainSettings(kimg=51.2), stages, console=console)
    rows = log(300)
    rows[0]["stage"] = rows[1]["stage"] = "warm-up"
    for row in rows:
        progress.show(row)
    assert "warm-up, round 100 (50%) | 25.6 kimg" in out.getvalue()
    assert "main, round 300 (50%) | 76.8 kimg" in out.getvalue()


def test_slow_runs_show_seconds_per_kimg_and_gpu_memory() -> None:
    progress, out = plain(rounds=100)
    progress.show(log(100)[0] | {"img_per_s": 12.5, "gpu_gib": 3.14})
    assert "12.5 img/s (80 s/kimg)" in out.getvalue()
    assert "3.1 GiB GPU" in out.getvalue()
    assert re.fullmatch(r"\d+\.\d GiB", memory({}))


def test_a_terminal_has_one_live_bar_that_events_push_up() -> None:
    out = io.StringIO()
    console = Console(file=out, width=60, force_terminal=True, color_system=None, _environ={})
    progress = Progress(TrainSettings(rounds=1000), console=console)
    for row in log(300, loss__generator=0.5):
        progress.show(row)
    progress.show({"round": 300, "event": "warning", "message": "dropping modes"})
    progress.show(log(400, loss__generator=0.5)[-1])
    screen: list[str] = []
    for line in out.getvalue().split("\n"):
        while line.startswith(UP):
            screen.pop()
            line = line.removeprefix(UP)
        screen.append(line.rstrip())
    assert all(len(line) <= 60 for line in screen)
    assert screen[0] == "round 300: warning: dropping modes"
    assert screen[1].startswith("━")
    assert "round 400 of 1,000 (40%)" in screen[1]
    assert screen[1].endswith("…")
    assert screen[2].startswith("loss generator 0.5 | ")
    assert screen[3:] == [""]


def test_quiet_runs_show_nothing(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES["unrolled-tiny"]
    train = TrainSettings(rounds=4, batch=8, log_every=2, tensorboard=False, watch_every=0)
    folder = RunFolder.create(run_folder, "")
    game = case.build()
    hooks = make_hooks(folder, game, case.source(), train, quiet=True)
    assert hooks.show == []
    assert capsys.readouterr().out == ""
