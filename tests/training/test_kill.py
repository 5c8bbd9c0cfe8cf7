"""A run killed at random moments, over and over, ends with the weights of one never touched."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from ganvas.training.checkpoint import load_state
from ganvas.training.folder import RunFolder
from tests.data.filmed import film, moving

ROUNDS = 3000
SETTINGS = [
    f"train.rounds={ROUNDS}",
    "train.checkpoint_every=20",
    "train.log_every=10",
    "train.sample_every=0",
    "train.watch_every=0",
    "train.threads=1",
]


def ganvas(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ganvas", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def train(folder: Path) -> subprocess.Popen[bytes]:
    return ganvas("train", "r3gan/ring8", "--out", str(folder), *SETTINGS)


VIDEOS = [
    *("data.frames=16", "data.size=16", "data.resize=stretch", "data.cache=none"),
    *("game.generator.width=4", "game.discriminator.width=4", "train.rounds=40", "train.batch=4"),
    *("train.checkpoint_every=4", "train.watch_every=0", "train.sample_every=0"),
    *("train.threads=1", "evaluate.at_end=false", "train.average=null"),
]


def newest_round(folder: Path) -> int:
    return max((int(p.stem) for p in RunFolder(folder).list_checkpoints()), default=0)


def kill_at_random(process: subprocess.Popen[bytes], folder: Path, chance: random.Random) -> str:
    """Kill a run after its first new checkpoint: anywhere, or while one is being written."""
    before, deadline = newest_round(folder), time.monotonic() + 120
    while newest_round(folder) == before and process.poll() is None:
        assert time.monotonic() < deadline, "the run made no progress"
        time.sleep(0.02)
    inside = chance.random() < 0.5
    if inside:
        while process.poll() is None and not list(folder.glob("*/.*.writing")):
            pass
    else:
        time.sleep(chance.uniform(0.0, 1.5))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return "inside a write" if list(folder.glob("*/.*.writing")) else "between writes"


def rounds_logged(folder: Path) -> Sequence[int]:
    return [row["round"] for row in RunFolder(folder).rows() if "event" not in row]


@pytest.mark.slow
def test_twenty_kills_cost_nothing_but_time(tmp_path: Path) -> None:
    chance = random.Random(7)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(whole).wait() == 0
    process, kills = train(broken), []
    while len(kills) < 20:
        if process.poll() is not None:
            assert process.returncode == 0, "resume failed"
            break
        kills.append(kill_at_random(process, broken, chance))
        process = ganvas("resume", str(broken))
    assert process.wait() == 0
    inside = kills.count("inside a write")
    sys.stdout.write(f"{len(kills)} kills, {inside} of them inside a checkpoint write\n")
    assert len(kills) == 20
    assert "inside a write" in kills
    assert "between writes" in kills
    expected, found = (
        load_state(RunFolder(folder).list_checkpoints()[-1]) for folder in (whole, broken)
    )
    assert expected["rounds"] == found["rounds"] == ROUNDS
    for name, value in expected["game"].items():
        assert torch.equal(value, found["game"][name]), f"{name} differs"
    for one, other in zip(expected["average"]["values"], found["average"]["values"], strict=True):
        assert torch.equal(one, other)
    assert rounds_logged(whole) == rounds_logged(broken) == list(range(10, ROUNDS + 1, 10))


@pytest.mark.slow
def test_a_run_on_mp4_files_goes_on_with_the_clips_that_were_next(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    for seed in range(3):
        film(tmp_path / "films" / f"{seed}.mp4", moving(40, 16, 16, seed), options={"g": "10"})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    told = ["--data", str(tmp_path / "films"), *VIDEOS]
    assert ganvas("train", "vgan/shapes", "--out", str(whole), *told).wait() == 0
    process = ganvas("train", "vgan/shapes", "--out", str(broken), *told)
    while newest_round(broken) == 0:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert newest_round(broken) < 40
    assert ganvas("resume", str(broken)).wait() == 0
    expected, found = (
        load_state(RunFolder(folder).list_checkpoints()[-1]) for folder in (whole, broken)
    )
    assert expected["rounds"] == found["rounds"] == 40
    for name, value in expected["game"].items():
        assert torch.equal(value, found["game"][name]), f"{name} differs"
