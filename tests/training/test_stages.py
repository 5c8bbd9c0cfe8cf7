"""Stages: lengths in kimg, streams of another size and batch, optimisers that begin anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from ganvas import testing
from ganvas.errors import GanvasError, UsageError
from ganvas.play import Ranks, Stage, build
from ganvas.report.page import render
from ganvas.report.run import read_run
from ganvas.training.beside import Hooks
from ganvas.training.console import Progress
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import Average, TrainSettings
from tests.contract.toys.cases import digits
from tests.contract.toys.growing import SIZES, Growing

ENDS = (3, 7, 12)
"""Rounds after which the stages are over: 48/16, 32/8 and 20/4 images a round."""


def loop(folder: Path, stop: int | None = None, resume: bool = False, **more: Any) -> Loop:
    run = RunFolder.open(folder) if resume else RunFolder.create(folder, "")
    settings = TrainSettings(
        kimg=1.0, batch=16, stop_at=stop, checkpoint_every=2, log_every=1, watch_every=0,
        average=Average(half_life=0.02),
    )  # fmt: skip
    source = digits()
    game = build(Growing, Growing.Config(), source.spec, 0)
    made = Loop(game, source, settings, run, launch(settings), **more)
    if resume:
        made.resume()
    return made


def rows_of(made: Loop) -> list[dict[str, Any]]:
    return [row for row in made.folder.rows() if "event" not in row]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    made = loop(tmp_path_factory.mktemp("whole") / "run")
    assert made.run() == "finished"
    return made


def test_stages_end_by_kimg_and_change_the_stream(whole: Loop) -> None:
    rows = rows_of(whole)
    assert len(rows) == whole.rounds == ENDS[-1]
    starts = (0, *ENDS[:-1])
    for (side, batch), start, end in zip(SIZES.items(), starts, ENDS, strict=True):
        here = rows[start:end]
        assert {(row["stage"], row["side"], row["batch"]) for row in here} == {
            (f"{side}x{side}", side, batch)
        }
        shares = [row["progress"] for row in here]
        assert shares == pytest.approx([(i + 1) / (end - start) for i in range(end - start)])
    assert rows[-1]["kimg"] == pytest.approx(0.048 + 0.032 + 0.020)


def test_optimisers_begin_anew(whole: Loop) -> None:
    """The last stage has 5 rounds, so its optimisers have 5 steps; without a restart 12."""
    for player in whole.turns.players.values():
        assert {int(s["step"]) for s in player.optimiser.state.values()} == {5}
    assert whole.turns.steps == {"generator": 12, "critic": 12}


@pytest.mark.parametrize("stop", [2, 3, 4, 7, 9])
def test_a_stop_anywhere_changes_nothing(whole: Loop, tmp_path: Path, stop: int) -> None:
    """Stops 3 and 7 fall on the boundaries."""
    assert loop(tmp_path / "run", stop).run() == "stopped"
    rest = loop(tmp_path / "run", resume=True)
    assert rest.run() == "finished"
    for name in ("game", "turns", "average", "feed", "stage", "stage_seen", "rounds"):
        assert testing.same_tree(whole.state_dict()[name], rest.state_dict()[name]), name
    assert testing.log_of(whole.folder) == testing.log_of(rest.folder)


def test_console_and_report_show_the_stage(tmp_path: Path) -> None:
    console = Console(record=True, width=100)
    progress: list[Progress] = []
    made = loop(
        tmp_path / "run", stop=8, hooks=Hooks(show=[lambda row: progress[0].show(row)])
    )  # fmt: skip
    progress.append(Progress(made.settings, made.stages, console=console))
    made.run()
    said = console.export_text()
    assert "7x7, round 1 (33%)" in said
    assert "round 7: stage: 28x28 begins" in said
    page = render(read_run(tmp_path / "run"))
    assert "<dt>of stage 28x28</dt><dd>20%</dd>" in page


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(GanvasError, match="stage warm has both rounds and kimg"):
        Stage("warm", lambda data, turn: None, rounds=3, kimg=1.0)
    made = loop(tmp_path / "run")
    with pytest.raises(GanvasError, match="a stage restarts 'critik', which is no player"):
        made.turns.begin_stage(("critik",))
    game, feed, _ = testing.table(CASE, Ranks(0, 8))
    with pytest.raises(UsageError, match=r"train.batch=4 of the stream 'main' cannot be shared"):
        made.stages[2].serve(game, feed)


CASE = testing.Case(Growing, Growing.Config(), digits, batch=16)


def test_the_first_stage_is_served_from_the_start(tmp_path: Path) -> None:
    made = loop(tmp_path / "run")
    assert made.feed.next().x.shape == (16, 1, 7, 7)
    assert torch.equal(made.game.get_buffer("generator.side"), torch.tensor(7))
