"""The loop: what it keeps, how it stops, and what it does when numbers go wrong."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from ganvas.data.feed import Feed
from ganvas.diagnosis.finding import Finding
from ganvas.errors import GanvasError
from ganvas.play import Stage, Turns
from ganvas.training.beside import Hooks
from ganvas.training.checkpoint import load_state, pack, save_state, unpack
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import Average, Guard, TrainSettings
from tests.contract.cases import CASES
from tests.contract.games.unrolled import Unrolled

CASE = CASES["unrolled-tiny"]


def made(
    path: Path, game: type[Unrolled] = Unrolled, hooks: Hooks | None = None, **settings: Any
) -> Loop:
    train = TrainSettings.model_validate(
        {"rounds": 12, "batch": 8, "checkpoint_every": 3, "log_every": 2, **settings}
    )
    folder = RunFolder(path) if path.exists() else RunFolder.create(path, "")
    built = game(CASE.config, CASE.source().spec)
    return Loop(built, CASE.source(), train, folder, launch(train), hooks=hooks)


def events(folder: RunFolder, kind: str) -> list[dict[str, Any]]:
    return [row for row in folder.rows() if row.get("event") == kind]


def test_every_round_is_logged_once_and_checkpoints_are_kept_by_age(run_folder: Path) -> None:
    loop = made(run_folder, keep=2)
    assert loop.run() == "finished"
    rows = loop.folder.rows()
    assert [row["round"] for row in rows] == [2, 4, 6, 8, 10, 12]
    assert [row["kimg"] for row in rows] == [r * 8 / 1000 for r in range(2, 13, 2)]
    assert {"loss/generator", "loss/discriminator", "grad_norm/generator"} <= rows[0].keys()
    assert [path.stem for path in loop.folder.list_checkpoints()] == ["000000009", "000000012"]


def test_horizon_in_kimg_counts_images_of_the_main_stream(run_folder: Path) -> None:
    loop = made(run_folder, rounds=None, kimg=0.064)
    assert loop.run() == "finished"
    assert loop.rounds == 8
    assert loop.feed.seen == 64


def test_each_stage_has_the_whole_horizon_in_kimg(run_folder: Path) -> None:
    class Twice(Unrolled):
        system = "twice-tiny"
        progress: ClassVar[list[float]] = []

        def stages(self) -> list[Stage]:
            return [Stage("first", self.round), Stage("second", self.round)]

        def round(self, data: Feed, turn: Turns) -> None:
            self.progress.append(turn.progress)
            super().round(data, turn)

    loop = made(run_folder, Twice, rounds=None, kimg=0.064)
    assert loop.run() == "finished"
    assert Twice.progress == [r / 8 for r in range(8)] * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_and_a_resumed_run_ends_as_if_nothing_had_been(
    run_folder: Path, number: signal.Signals
) -> None:
    class Stopping(Unrolled):
        system = "unrolled-tiny"

        def round(self, data: Feed, turn: Turns) -> None:
            super().round(data, turn)
            if turn.round == 6:
                os.kill(os.getpid(), number)

    torch.manual_seed(5)
    before = signal.getsignal(number)
    stopped = made(run_folder, Stopping)
    start = {k: v.clone() for k, v in stopped.game.state_dict().items()}
    assert stopped.run() == "interrupted"
    assert stopped.rounds == 7
    assert stopped.signal == number
    assert signal.getsignal(number) is before
    rest = made(run_folder)
    assert rest.resume() == 7
    assert rest.run() == "finished"
    whole = made(run_folder.with_name("whole"))
    whole.game.load_state_dict(start)
    whole.average.load_state_dict(
        {"values": [start[f"generator.{n}"] for n, _ in whole.game.generator.named_parameters()]}
    )
    whole.run()
    for name, value in whole.game.state_dict().items():
        assert torch.equal(value, rest.game.state_dict()[name]), name


def test_a_run_begun_with_nohup_does_not_mind_a_hang_up(run_folder: Path) -> None:
    class HungUp(Unrolled):
        system = "unrolled-tiny"

        def round(self, data: Feed, turn: Turns) -> None:
            super().round(data, turn)
            os.kill(os.getpid(), signal.SIGHUP)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert made(run_folder, HungUp).run() == "finished"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(run_folder: Path) -> None:
    made(run_folder).run()
    newest = sorted((run_folder / "checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    (run_folder / "checkpoints" / ".000000015.safetensors.writing").write_bytes(b"half")
    loop = made(run_folder)
    assert loop.resume() == 9
    (warning,) = events(loop.folder, "warning")
    assert newest.name in warning["message"]
    assert "cut short" in warning["message"]
    assert max(row["round"] for row in loop.folder.rows()) == 9
    assert loop.run() == "finished"


def test_no_readable_checkpoint_is_one_clear_error(run_folder: Path) -> None:
    made(run_folder).run()
    for path in (run_folder / "checkpoints").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(GanvasError, match=r"no checkpoint of .* can be read: .* start anew"):
        made(run_folder).resume()


def test_last_log_line_cut_short_by_a_kill_is_dropped(run_folder: Path) -> None:
    loop = made(run_folder)
    loop.run()
    with open(loop.folder.metrics, "a") as file:
        file.write('{"round": 13, "ki')
    loop.folder.cut_back(9)
    lines = loop.folder.metrics.read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [2, 4, 6, 8]


@dataclass
class Bomb:
    """Makes losses NaN from a round on, while the rate is above a bound."""

    first: int
    above: float


class Exploding(Unrolled):
    system = "exploding-tiny"
    bomb = Bomb(first=7, above=0.3)

    def round(self, data: Feed, turn: Turns) -> None:
        super().round(data, turn)
        if turn.round >= self.bomb.first and turn.rate > self.bomb.above:
            for name in self.players:
                with turn(name) as player:
                    player.minimise(self.players[name].parameters[0].sum() * float("nan"))


def test_rollback_halves_rates_changes_draws_and_is_recorded(run_folder: Path) -> None:
    loop = made(run_folder, Exploding)
    noise = loop.turns.noise.state_dict()["generator"].clone()
    assert loop.run() == "finished"
    assert loop.rollbacks == 2
    assert loop.turns.rate == 0.25
    first, second = events(loop.folder, "rollback")
    assert first["round"] == second["round"] == 6
    assert "× 0.5" in first["message"]
    assert [r["round"] for r in loop.folder.rows() if "event" not in r] == [2, 4, 6, 8, 10, 12]
    assert not torch.equal(noise, loop.turns.noise.state_dict()["generator"])
    weights = loop.game.state_dict().values()
    assert all(value.isfinite().all() for value in weights)


def test_rollbacks_are_bounded_and_end_in_a_crash_report(run_folder: Path) -> None:
    class Hopeless(Exploding):
        bomb = Bomb(first=7, above=0.0)

    with pytest.raises(GanvasError, match=r"crash\.json"):
        made(run_folder, Hopeless, guard=Guard(rollbacks=2)).run()
    report = json.loads((run_folder / "crash.json").read_text())
    assert report["rollbacks"] == 2
    assert "not finite" in report["reason"]
    assert RunFolder(run_folder).load_checkpoint()[0] is not None


def test_single_bad_steps_are_left_out_without_a_rollback(run_folder: Path) -> None:
    class Hiccup(Unrolled):
        system = "hiccup-tiny"

        def round(self, data: Feed, turn: Turns) -> None:
            super().round(data, turn)
            if turn.round == 4:
                with turn("generator") as player:
                    player.minimise(self.generator[0].weight.sum() * float("inf"))

    loop = made(run_folder, Hiccup, log_every=12)
    assert loop.run() == "finished"
    assert loop.rollbacks == 0
    assert int(loop.turns.cancelled) == 1


@pytest.mark.parametrize(("policy", "outcome"), [("warn", "finished"), ("stop", "collapsed")])
def test_collapse_policies(run_folder: Path, policy: str, outcome: str) -> None:
    def watch(game: torch.nn.Module) -> Finding:
        assert not game.training
        return Finding({"coverage/modes": 1.0}, "collapsed: 1 of 8 modes", collapsed=True)

    guard = Guard(on_collapse=policy)  # pyright: ignore
    loop = made(run_folder, hooks=Hooks(watch=watch), watch_every=4, guard=guard)
    assert loop.run() == outcome
    assert events(loop.folder, "warning")[0]["round"] == 4
    saved = [int(path.stem) for path in loop.folder.list_checkpoints()]
    assert saved == ([3, 4] if policy == "stop" else [6, 9, 12])
    watched = [row["round"] for row in loop.folder.rows() if "coverage/modes" in row]
    assert watched == ([4, 8, 12] if policy == "warn" else [4])


def test_a_collapse_at_a_checkpoint_round_is_saved(run_folder: Path) -> None:
    hooks = Hooks(watch=lambda _: Finding({}, "collapsed", collapsed=True))
    guard = Guard(on_collapse="stop")
    loop = made(run_folder, hooks=hooks, watch_every=6, guard=guard)
    assert loop.run() == "collapsed"
    assert [int(path.stem) for path in loop.folder.list_checkpoints()] == [3, 6]


def test_a_collapsed_run_can_go_back(run_folder: Path) -> None:
    looks: list[int] = []

    def watch(_: torch.nn.Module) -> Finding:
        looks.append(1)
        return Finding({}, "dropping modes", collapsed=len(looks) == 2)

    guard = Guard(on_collapse="rollback")
    loop = made(run_folder, hooks=Hooks(watch=watch), watch_every=4, guard=guard)
    assert loop.run() == "finished"
    (event,) = events(loop.folder, "rollback")
    assert event["round"] == 6
    assert "collapsed" in event["message"]


def test_average_has_the_half_life_it_was_given(run_folder: Path) -> None:
    loop = made(run_folder, average=Average(half_life=0.016, ramp_up=0))
    live = loop.game.generator[0].weight
    with torch.no_grad():
        live.zero_()
        loop.average.values[0].fill_(1.0)
    for _ in range(2):  # two updates of 8 images: one half-life
        loop.average.update(8, 1000, 0.0)
    assert torch.allclose(loop.average.values[0], torch.tensor(0.5))
    with loop.average.applied():
        assert torch.allclose(loop.game.generator[0].weight, torch.tensor(0.5))
    assert loop.game.generator[0].weight.eq(0).all()


def test_average_ramps_up_with_the_images_seen(run_folder: Path) -> None:
    loop = made(run_folder, average=Average(half_life=100, ramp_up=0.05))
    assert loop.average.decay(8, 160, 0.0) == pytest.approx(0.5)  # 5 % of 160 is 8 images
    assert loop.average.decay(8, 10**9, 0.0) == pytest.approx(0.5 ** (8 / 100_000))


def test_nested_state_survives_a_checkpoint(tmp_path: Path) -> None:
    state = {
        "a": [1, 2.5, None, "x", True],
        3: (torch.arange(4, dtype=torch.int64), {"deep": torch.ones(2, 2).to(torch.bfloat16)}),
        "big": 2**127 + 1,
        "exact": 0.1 + 0.2,
    }
    save_state(tmp_path / "s.safetensors", state)
    back = load_state(tmp_path / "s.safetensors")
    assert back["a"] == state["a"]
    assert back["big"] == state["big"]
    assert back["exact"] == state["exact"]
    assert torch.equal(back[3][0], state[3][0])
    assert torch.equal(back[3][1]["deep"], state[3][1]["deep"])
    with pytest.raises(TypeError, match="set"):
        pack({"bad": {1, 2}})
    tensors, skeleton = pack({"t": torch.zeros(())})
    assert unpack(tensors, skeleton)["t"].shape == ()
