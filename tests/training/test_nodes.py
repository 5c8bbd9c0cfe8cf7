"""Two nodes of two processes each: two launchers of torchrun that meet on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from ganvas.testing import final_state
from ganvas.training.checkpoint import load_state
from ganvas.training.folder import RunFolder
from tests.games.cases import CASES

ROOT = Path(__file__).parents[2]
ROUNDS = 400
SETTINGS = (
    *(f"train.rounds={ROUNDS}", "train.batch=32", "train.threads=1", "train.tensorboard=false"),
    *("train.checkpoint_every=20", "train.log_every=20", "evaluate.at_end=false"),
    # Gloo now and then does not notice that a peer has closed its connection, and waits so long.
    *("train.sample_every=0", "train.watch_every=0", "train.timeout=120"),
)


@dataclass
class Nodes:
    """Two launchers of the same command, which write into ``log0`` and ``log1``."""

    launchers: list[subprocess.Popen[bytes]]
    logs: list[Path]

    @classmethod
    def start(cls, folder: Path, program: Sequence[str], restarts: int = 0) -> Nodes:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=2"),
            *("--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=two-nodes"),
            f"--max-restarts={restarts}",
        ]
        logs = [folder / f"log{node}" for node in (0, 1)]
        launchers: list[subprocess.Popen[bytes]] = []
        for log in logs:
            with open(log, "wb") as file:
                whole = [*command, "-m", *program]
                launchers.append(subprocess.Popen(whole, stdout=file, stderr=file, cwd=ROOT))
        return cls(launchers, logs)

    def wait(self) -> list[int]:
        """Return the exit codes."""
        return [launcher.wait(timeout=600) for launcher in self.launchers]

    def told(self) -> str:
        """Return what both wrote."""
        return "".join(log.read_text() for log in self.logs)

    def kill_a_process(self) -> None:
        """Kill the last process of the second node at once."""
        os.kill(max(children(self.launchers[1].pid)), signal.SIGKILL)


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def wait_for_checkpoint(folder: Path, after: int, nodes: Nodes) -> int:
    """Wait until a run has a checkpoint of a later round, and return that."""
    deadline = time.monotonic() + 300
    while True:
        found = [int(path.stem) for path in RunFolder(folder).list_checkpoints()]
        if found and found[-1] > after:
            return found[-1]
        assert time.monotonic() < deadline, nodes.told()
        assert all(launcher.poll() is None for launcher in nodes.launchers), nodes.told()
        time.sleep(0.05)


@pytest.mark.slow
def test_two_nodes_of_two_processes_are_one_process(tmp_path: Path) -> None:
    games = ("dcgan digits", "wgan-gp resnet")
    nodes = Nodes.start(tmp_path, ("tests.training.in_double", str(tmp_path), *games))
    expected = {name: final_state(CASES[name]) for name in games}
    assert nodes.wait() == [0, 0], nodes.told()
    for rank in range(4):
        found = torch.load(tmp_path / f"{rank}.pt")
        for name, state in expected.items():
            worst = max(float((found[name][k] - value).abs().max()) for k, value in state.items())
            sys.stdout.write(f"{name}, process {rank}: {worst:.1e}\n")
            assert worst < 1e-5, f"{name}: process {rank} differs by {worst:.1e}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_killed_process_ends_the_run_on_all_nodes_and_restarts_go_on(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    reference = Nodes.start(
        tmp_path, ("ganvas", "train", "gan/ring8", "--out", str(whole), *SETTINGS)
    )
    assert reference.wait() == [0, 0], reference.told()

    train = ("ganvas", "train", "gan/ring8", "--out", str(broken), *SETTINGS)
    nodes = Nodes.start(tmp_path, train, restarts=1)
    first = wait_for_checkpoint(broken, 0, nodes)
    nodes.kill_a_process()  # the launchers start the same command again, and it goes on
    wait_for_checkpoint(broken, first + 40, nodes)
    nodes.kill_a_process()  # no restart is left
    assert 0 not in nodes.wait()
    last = RunFolder(broken).list_checkpoints()[-1]
    assert int(last.stem) < ROUNDS, "it was killed too late to show anything"
    errors = [line for line in nodes.told().splitlines() if line.startswith("error: ")]
    assert len(errors) == 2, f"one line for each kill: {nodes.told()}"
    for error in errors:
        assert error.startswith("error: another process of this run is gone (")
        assert error.endswith(f"Go on with: ganvas resume {broken}")

    again = Nodes.start(tmp_path, ("ganvas", "resume", str(broken)))
    assert again.wait() == [0, 0], again.told()
    expected, found = (
        load_state(RunFolder(folder).list_checkpoints()[-1]) for folder in (whole, broken)
    )
    assert expected["rounds"] == found["rounds"] == ROUNDS
    for name, value in expected["game"].items():
        assert torch.equal(value, found["game"][name]), f"{name} differs"
    rows = [row["round"] for row in RunFolder(broken).rows() if "event" not in row]
    assert rows == list(range(20, ROUNDS + 1, 20)), "no round twice, none missing"
