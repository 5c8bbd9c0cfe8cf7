"""A job that a launcher starts again goes on with the run that it began, by the same command."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest
import torch

from ganvas.api import Ending, train
from ganvas.errors import GanvasError, UsageError
from ganvas.training.checkpoint import load_state
from ganvas.training.folder import RunFolder
from ganvas.training.lock import Lock

SETTINGS = {
    "rounds": 8,
    "batch": 16,
    "checkpoint_every": 2,
    "log_every": 2,
    "sample_every": 0,
    "watch_every": 0,
    "tensorboard": False,
}


class Launcher:
    """What torchrun tells the only process of a job."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._set = monkeypatch.setenv
        for name in ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
            self._set(name, "0")

    def starts(self, out: Path, job: str, attempt: int, **more: object) -> Ending:
        told = {"RANK": "0", "WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": job}
        for name, value in (told | {"TORCHELASTIC_RESTART_COUNT": str(attempt)}).items():
            self._set(name, value)
        overwrite = bool(more.pop("overwrite", False))
        return train(
            "gan/ring8",
            out,
            quiet=True,
            overwrite=overwrite,
            train=SETTINGS | more,
            evaluate={"at_end": False},
        )


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Launcher:
    return Launcher(monkeypatch)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_state(RunFolder(folder).list_checkpoints()[-1])["game"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_job_that_starts_again_goes_on(
    tmp_path: Path, launcher: Launcher, overwrite: bool
) -> None:
    launcher.starts(tmp_path / "whole", "a", 0)
    launcher.starts(tmp_path / "run", "b", 0, stop_at=4)
    ending = launcher.starts(tmp_path / "run", "b", 1, overwrite=overwrite)
    assert (ending.outcome, ending.rounds) == ("finished", 8)
    rows = [row["round"] for row in RunFolder(tmp_path / "run").rows() if "event" not in row]
    assert rows == [2, 4, 6, 8], "no round twice, none missing"
    expected = weights(tmp_path / "whole")
    for name, value in weights(tmp_path / "run").items():
        assert torch.equal(value, expected[name]), name


def test_runs_of_other_jobs_are_left_alone(tmp_path: Path, launcher: Launcher) -> None:
    launcher.starts(tmp_path, "a", 0, stop_at=4)
    for job, attempt in (("a", 0), ("b", 1)):
        with pytest.raises(UsageError, match="already exists and is not empty; continue it with"):
            launcher.starts(tmp_path, job, attempt)
    with pytest.raises(UsageError, match=r"train.batch cannot change when a run goes on"):
        launcher.starts(tmp_path, "a", 1, batch=32)


def test_a_job_killed_before_its_first_checkpoint_begins_anew(
    tmp_path: Path, launcher: Launcher
) -> None:
    launcher.starts(tmp_path, "a", 0, stop_at=4)
    for checkpoint in RunFolder(tmp_path).list_checkpoints():
        checkpoint.unlink()
    assert launcher.starts(tmp_path, "a", 1).rounds == 8


def test_a_dying_writer_is_waited_for(tmp_path: Path) -> None:
    def hold() -> None:
        Lock(tmp_path)
        taken.set()
        time.sleep(0.3)

    context = multiprocessing.get_context("fork")
    taken = context.Event()
    holder = context.Process(target=hold)
    holder.start()
    assert taken.wait(20)
    with pytest.raises(GanvasError, match="is being written by another process"):
        RunFolder(tmp_path).claim()
    folder = RunFolder(tmp_path)
    folder.claim(patience=20.0)
    folder.release()
    holder.join()
