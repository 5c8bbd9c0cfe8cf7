"""Two processes started by the command line, and by torchrun, against one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ganvas.training.checkpoint import load_state
from ganvas.training.folder import RunFolder

SETTINGS = ["train.rounds=20", "train.batch=32", "train.log_every=10", "train.threads=1"]


def weights(folder: Path) -> dict[str, object]:
    return load_state(RunFolder(folder).list_checkpoints()[-1])["game"]


def train(folder: Path, *more: str, program: tuple[str, ...] = ()) -> RunFolder:
    command = [*(program or (sys.executable, "-m")), "ganvas", "train", "gan/ring8"]
    done = subprocess.run(
        [*command, "--out", str(folder), *SETTINGS, *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return RunFolder(folder)


@pytest.mark.slow
def test_two_devices_and_torchrun_make_the_same_steps_as_one(tmp_path: Path) -> None:
    alone = train(tmp_path / "alone")
    pair = train(tmp_path / "pair", "train.devices=2")
    torchrun = (
        sys.executable,
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"),
    )
    run = train(tmp_path / "run", "train.devices=2", program=torchrun)
    expected = weights(alone.path)
    for folder in (pair, run):
        for name, value in weights(folder.path).items():
            worst = float((value - expected[name]).abs().max())  # pyright: ignore
            assert worst < 1e-5, f"{folder.path.name}: {name} differs by {worst:.2e}"
        rounds = [row["round"] for row in folder.rows() if "event" not in row]
        assert rounds == [10, 20], "the log must be written once, by the first process"


@pytest.mark.slow
def test_a_run_of_two_processes_resumes_in_two_and_in_one(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    for devices in (1, 2):
        folder = tmp_path / f"then-{devices}"
        train(folder, "train.devices=2", "train.stop_at=10")
        done = subprocess.run(
            [sys.executable, "-m", "ganvas", "resume", str(folder), f"train.devices={devices}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        expected = weights(whole.path)
        for name, value in weights(folder).items():
            assert float((value - expected[name]).abs().max()) < 1e-5, name  # pyright: ignore


LEAVING = """
import threading, time, torch
from ganvas.errors import LostError
from ganvas.nn.exchange import sum_
from ganvas.training.launch import launch
from ganvas.training.settings import TrainSettings

late = []


class Slow:
    def __del__(self):
        if threading.current_thread() is not threading.main_thread():
            late.append(self)
            time.sleep(1.0)


launch(TrainSettings(rounds=1, batch=2, accelerator="cpu", threads=1))
try:
    while not late:
        x = torch.ones(1000)
        x.slow = Slow()
        sum_(x)
        del x
except LostError:
    pass  # the other one has left
print("left while another thread frees a tensor" if late else "left")
"""


@pytest.mark.slow
def test_a_process_leaves_in_peace_while_a_thread_of_gloo_still_frees_a_tensor() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", LEAVING],
            env=os.environ | told | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert any("another thread" in out for out, _ in said), "the race was not met"
