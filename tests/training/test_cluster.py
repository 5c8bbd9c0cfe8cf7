"""What torchrun and SLURM tell a process, and what is refused before any process waits."""

from __future__ import annotations

import os
import socket

import pytest
import torch

from ganvas.errors import GanvasError, UsageError
from ganvas.process import cores
from ganvas.training.cluster import LaunchedJob, Member, job, member
from ganvas.training.launch import crowded, launch
from ganvas.training.settings import TrainSettings

TORCHRUN = {
    "RANK": "3",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "4",
    "LOCAL_WORLD_SIZE": "2",
    "TORCHELASTIC_RUN_ID": "night",
    "TORCHELASTIC_RESTART_COUNT": "2",
}
SRUN = {
    "SLURM_JOB_ID": "77",
    "SLURM_JOB_NAME": "gan",
    "SLURM_NTASKS": "8",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
}
SETTINGS = TrainSettings(rounds=1, batch=8, timeout=1.0)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let no variable of a launcher be set, and none stay."""
    for name in [*os.environ]:
        if name.startswith(("SLURM_", "TORCHELASTIC_", "MASTER_", "NODE_")) or name in TORCHRUN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("LOCAL_RANK", "0")  # put back what a launch leaves behind
    monkeypatch.delenv("LOCAL_RANK")
    return monkeypatch


def test_launchers_say_where_a_process_stands() -> None:
    assert member({}) is None
    assert member(TORCHRUN) == Member("torchrun", rank=3, world=4, local=2)
    assert member(SRUN) == Member("SLURM", rank=5, world=8, local=4)
    assert member(SRUN | {"SLURM_NTASKS_PER_NODE": "2"}) == Member(
        "SLURM", rank=5, world=8, local=2
    )
    assert member(SRUN | TORCHRUN) == member(TORCHRUN), "torchrun may run below SLURM"
    bare = {"RANK": "1", "WORLD_SIZE": "4"}
    assert member(bare) == Member("WORLD_SIZE", rank=1, world=4, local=4)
    assert member(bare, nodes=4) == Member("WORLD_SIZE", rank=1, world=4, local=1)
    assert Member("torchrun", rank=3, world=4, local=2).nodes == 2


def test_one_task_and_interactive_work_need_no_others() -> None:
    assert member(SRUN | {"SLURM_NTASKS": "1"}) is None
    assert member(SRUN | {"SLURM_JOB_NAME": "interactive"}) is None


def test_a_job_is_known_again_when_it_starts_again() -> None:
    assert job({}) is None
    assert job(TORCHRUN) == LaunchedJob("torchrun night", attempt=2)
    assert job(SRUN) == LaunchedJob("SLURM 77", attempt=0)
    assert job(SRUN | TORCHRUN | {"SLURM_RESTART_COUNT": "1"}) == LaunchedJob("SLURM 77", attempt=3)
    unnamed = job(TORCHRUN | {"TORCHELASTIC_RUN_ID": "none"})
    assert unnamed is not None
    assert str(os.getppid()) in unnamed.name, "the launcher's own process tells its jobs apart"


def test_unequal_nodes_and_broken_variables_are_refused() -> None:
    with pytest.raises(UsageError, match="3 of them on this node: every node must have equally"):
        member(TORCHRUN | {"LOCAL_WORLD_SIZE": "3"})
    with pytest.raises(UsageError, match="variables of the launcher are incomplete: .*PROCID"):
        member({k: v for k, v in SRUN.items() if k != "SLURM_PROCID"})


@pytest.mark.parametrize(
    ("told", "nodes", "expected"),
    [
        (TORCHRUN | {"RANK": "4"}, 1, "torchrun started 4 .* number 4: they count from 0 to 3"),
        (TORCHRUN | {"WORLD_SIZE": "x"}, 1, "WORLD_SIZE=x: expected a whole number"),
        (TORCHRUN | {"MASTER_PORT": "abc"}, 1, "MASTER_PORT=abc: expected a whole number"),
        ({"MASTER_PORT": "70000"}, 2, "MASTER_PORT=70000: .* at most 65535"),
        ({"NODE_RANK": "2"}, 2, "NODE_RANK=2 with train.nodes=2: nodes count from 0 to 1"),
        (SRUN | {"SLURM_PROCID": "8"}, 1, "SLURM started 8 .* number 8"),
    ],
)
def test_numbers_that_no_process_has_are_refused(
    told: dict[str, str], nodes: int, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        member(told, nodes)


def test_nodes_that_do_not_know_one_another_are_refused(variables: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"nothing says where .* torchrun --nnodes 2"):
        launch(SETTINGS.model_copy(update={"nodes": 2}))


def test_settings_that_the_launcher_contradicts_are_refused(variables: pytest.MonkeyPatch) -> None:
    for name, value in TORCHRUN.items():
        variables.setenv(name, value)
    with pytest.raises(UsageError, match=r"torchrun started 2 .* 2 nodes, .*train.devices=3"):
        launch(SETTINGS.model_copy(update={"devices": 3}))


def test_nodes_that_never_arrive_are_not_waited_for(variables: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in told.items():
        variables.setenv(name, value)
    expected = f"not all of the 2 processes .* 127.0.0.1:{port}, came: .*train.timeout=SECONDS"
    with pytest.raises(GanvasError, match=expected) as raised:
        launch(SETTINGS.model_copy(update={"nodes": 2}))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("by_launcher", [False, True])
def test_a_first_node_that_never_comes_is_told_in_one_line(
    variables: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], by_launcher: bool
) -> None:
    told = {"RANK": "1", "WORLD_SIZE": "2"} if by_launcher else {"NODE_RANK": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        for name, value in (told | address).items():
            variables.setenv(name, value)
        with pytest.raises(GanvasError, match="not all of the 2 processes .* refused"):
            launch(SETTINGS.model_copy(update={"nodes": 2}))
    assert not capfd.readouterr().err, "torch says nothing of its own"


def test_more_threads_than_cores_are_told(variables: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    try:
        for count, notes in ((1, 0), (4 * cores(), 1)):
            settings = SETTINGS.model_copy(update={"threads": count, "accelerator": "cpu"})
            told = crowded(settings, launch(settings))
            assert len(told) == notes
        assert f"{4 * cores()} threads share the {cores()} cores" in told[0]
    finally:
        torch.set_num_threads(threads)
