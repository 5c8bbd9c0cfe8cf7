"""Two processes agree: on errors, on what they play, and on what the first one did."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from ganvas.api.identity import Identity
from ganvas.data.open import open_data
from ganvas.errors import GanvasError, LostError, UsageError
from ganvas.nn.exchange import everyones, from_first_, stack, sum_, traffic
from ganvas.play import Ranks, build
from ganvas.recipes import load_recipe
from ganvas.training.agreement import Poll, on_first, raise_any
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import TrainSettings

FORK = multiprocessing.get_context("fork")  # they have imported everything already

Act = Callable[[int], Any]


def _join(rank: int, folder: str, act: Act, pipe: Connection) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    try:
        pipe.send(act(rank))
    except GanvasError as error:
        pipe.send((type(error), str(error)))
    os._exit(0)


def both(folder: Path, act: Act) -> list[Any]:
    """Return what two processes made of ``act``: its value, or the error's class and message."""
    pipes = [FORK.Pipe() for _ in range(2)]
    for rank, (_, theirs) in enumerate(pipes):
        FORK.Process(target=_join, args=(rank, str(folder), act, theirs), daemon=True).start()
        theirs.close()
    return [_heard(mine) for mine, _ in pipes]


def _heard(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except EOFError:  # it is dead
        return None


def test_one_process_that_fails_lets_all_fail_with_its_words(tmp_path: Path) -> None:
    def act(rank: int) -> None:
        raise_any(None)
        raise_any(UsageError("there are no data") if rank else None)

    first, second = both(tmp_path, act)
    assert first[0] is second[0] is UsageError
    assert second[1] == "there are no data"
    assert first[1].startswith("process 1 on ")
    assert first[1].endswith(": there are no data")


def test_the_first_process_acts_and_answers_for_all(tmp_path: Path) -> None:
    def act(rank: int) -> tuple[int, str]:
        def refuse() -> None:
            raise GanvasError(f"process {rank} cannot write")

        answer = on_first(lambda: 10 + rank)
        with pytest.raises(GanvasError, match="^process 0 cannot write$") as raised:
            on_first(refuse)
        return answer, str(raised.value)

    assert both(tmp_path, act) == [(10, "process 0 cannot write")] * 2


@pytest.mark.parametrize(
    ("word", "digest", "expected"),
    [
        (
            "train.batch=32",
            "a",
            r"process 1 on .* train.batch=32, and the first one train.batch=64",
        ),
        ("train.log_every=7", "a", "train.log_every=7"),
        ("train.batch=64", "b", r"process 1 on .* other data in ring8 than the first one"),
        ("train.batch=64", "a", ""),
    ],
)
def test_other_settings_or_data_are_refused_by_all(
    tmp_path: Path, word: str, digest: str, expected: str
) -> None:
    mine = [
        Identity(load_recipe("gan/ring8", ["train.batch=64"]), "a"),
        Identity(load_recipe("gan/ring8", ["train.batch=64", word]), digest),
    ]

    def act(rank: int) -> str:
        mine[rank].require_alike()
        return ""

    found = both(tmp_path, act)
    assert found[0] == found[1]
    if not expected:
        assert found[0] == ""
    else:
        with pytest.raises(UsageError, match=expected):
            raise found[0][0](found[0][1])


def test_processes_that_find_other_checkpoints_are_refused(tmp_path: Path) -> None:
    settings = TrainSettings(
        rounds=4, batch=8, checkpoint_every=2, sample_every=0, watch_every=0, tensorboard=False
    )

    def loop(folder: RunFolder) -> Loop:
        recipe = load_recipe("gan/ring8")
        source = open_data(recipe.data)
        game = build(recipe.game_type, recipe.game_config, source.spec, 0)
        return Loop(game, source, settings, folder, launch(settings))

    loop(RunFolder.create(tmp_path / "0", "")).run()
    shutil.copytree(tmp_path / "0", tmp_path / "1")
    RunFolder(tmp_path / "1").list_checkpoints()[-1].unlink()
    loops = [loop(RunFolder.open(tmp_path / str(rank))) for rank in range(2)]
    for kind, message in both(tmp_path, lambda rank: loops[rank].resume()):
        assert kind is GanvasError
        assert "find checkpoints of different rounds" in message
        assert "2 and 4" in message


def test_exchanges_are_counted_and_give_everyone_the_same(tmp_path: Path) -> None:
    def act(rank: int) -> Any:
        x = torch.tensor([1.0, 2.0]) * (rank + 1)
        values = [
            *(part.tolist() for part in stack(x)),
            from_first_(torch.tensor([rank == 0])).tolist(),
            everyones({"rank": rank}),
            sum_(x).tolist(),
        ]
        return values, traffic.exchanges, traffic.bytes

    expected = [[1.0, 2.0], [2.0, 4.0], [True], [{"rank": 0}, {"rank": 1}], [3.0, 6.0]]
    assert both(tmp_path, act) == [(expected, 4, 8 + 1 + 8)] * 2


def test_all_stop_in_the_same_round_if_one_is_told_to(tmp_path: Path) -> None:
    def act(rank: int) -> int:
        poll = Poll(Ranks(rank, 2), torch.device("cpu"))
        number = 0
        while not poll.any(rank == 1 and number >= 5):
            time.sleep(0.01)
            number += 1
        return number

    first, second = both(tmp_path, act)
    assert first == second
    assert 5 <= first <= 5 + 100
    assert Poll(Ranks(), torch.device("cpu")).any(True), "one process need not wait"


def test_a_process_that_is_gone_is_missed(tmp_path: Path) -> None:
    def act(rank: int) -> None:
        sum_(torch.ones(1))
        if rank:
            os._exit(9)  # as when it is killed
        while True:
            sum_(torch.ones(1))

    (kind, message), nothing = both(tmp_path, act)
    assert nothing is None
    assert kind is LostError
    assert message.startswith("another process of this run is gone (")
    assert "gloo/transport" not in message
