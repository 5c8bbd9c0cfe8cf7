"""Runs that are stopped, damaged, moved or fought over: nothing is lost, and nothing is mixed."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ganvas import api
from ganvas.api import measuring
from ganvas.cli.app import run as command
from ganvas.metrics.protocol import Scores
from ganvas.model import MODEL, load
from ganvas.model.sealed import read_sealed, write_sealed
from ganvas.training.checkpoint import load_state, save_state
from ganvas.training.folder import RunFolder
from tests.cli.conftest import TINY, Ganvas

FORK = multiprocessing.get_context("fork")
MEASURED = ["evaluate.at_end=true"]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def mark(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written anew."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (done := true()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return done


def begun(*words: str | Path) -> multiprocessing.process.BaseProcess:
    """Start a command in a process of its own, which leaves with the command's exit code."""
    process = FORK.Process(target=lambda: os._exit(command([str(word) for word in words])))
    process.start()
    return process


def recipe_of(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / "config.yaml").read_text())


def edit(run: Path, part: str, key: str, value: object) -> None:
    tree = yaml.safe_load((run / "config.yaml").read_text())
    (tree[part] if part else tree)[key] = value
    (run / "config.yaml").write_text(yaml.safe_dump(tree))


# ---- measuring beside training ----------------------------------------------------------------


def test_a_run_is_measured_while_it_trains(ganvas: Ganvas, run_folder: Path) -> None:
    trainer = begun(
        *("train", "gan/ring8", "--out", run_folder, *TINY),
        *("train.rounds=20", "train.checkpoint_every=1", "train.log_every=1"),
    )
    assert within(60, (run_folder / "model" / MODEL).exists)
    folder = RunFolder.open(run_folder)
    while trainer.is_alive():  # what `ganvas evaluate` reads and writes, without the arithmetic
        measuring.keep_scores(folder, load(run_folder), Scores())
        time.sleep(0.05)
    trainer.join()
    assert trainer.exitcode == 0
    assert (run_folder / "evaluation.json").exists()
    assert load(run_folder).provenance.rounds == 20
    assert "finished" in ganvas("resume", run_folder).out


def test_an_evaluation_begun_early_changes_nothing_later(ganvas: Ganvas, run_folder: Path) -> None:
    ganvas("train", "gan/ring8", "--out", run_folder, *TINY, *MEASURED, "train.stop_at=3")
    folder, early = RunFolder.open(run_folder), load(run_folder)
    scores = api.evaluate(run_folder, 20)
    assert json.loads((run_folder / "evaluation.json").read_text())["model"]["rounds"] == 3
    assert ganvas("resume", run_folder).code == 0
    before = snapshot(run_folder)
    measuring.keep_scores(folder, early, scores)  # as if it had taken until now
    assert snapshot(run_folder) == before
    assert load(run_folder).provenance.rounds == 6
    kept = json.loads(before["evaluation.json"])
    assert kept["model"] == {"rounds": 6, "sha256": load(run_folder).digest}


def test_an_evaluation_leaves_the_weights_alone(ganvas: Ganvas, trained: Path) -> None:
    weights = trained / "model" / MODEL
    before = mark(weights)
    assert ganvas("evaluate", trained, "--count", "20").code == 0
    assert mark(weights) == before
    assert "| modes |" in (trained / "model" / "README.md").read_text()


def test_a_run_that_may_only_be_read_is_measured_and_diagnosed(
    ganvas: Ganvas,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = snapshot(trained)
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    for words, told in ((("evaluate", "--count", 20), "modes"), (("diagnose",), "verdict")):
        said = ganvas(*words, trained)
        assert said.code == 0
        assert told in said.out
        assert (
            caplog.messages.pop() == f"{trained} may only be read: what was found is not kept there"
        )
    assert snapshot(trained) == before


def test_scores_are_told_where_their_file_cannot_be_written(
    ganvas: Ganvas, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    evaluation = trained / "evaluation.json"
    evaluation.unlink(missing_ok=True)
    evaluation.mkdir()
    said = ganvas("evaluate", trained, "--count", 20)
    assert said.code == 0
    assert "modes" in said.out
    assert "what was found is not kept" in caplog.messages.pop()


def test_what_was_not_measured_at_the_end_is_measured_on_resume(
    ganvas: Ganvas, run_folder: Path
) -> None:
    ganvas("train", "gan/ring8", "--out", run_folder, *TINY, *MEASURED)
    evaluation = run_folder / "evaluation.json"
    scores = json.loads(evaluation.read_text())["scores"]
    evaluation.unlink()  # as a kill while measuring leaves it
    assert "finished at round 6" in ganvas("resume", run_folder).out
    assert json.loads(evaluation.read_text())["scores"] == scores
    before = mark(evaluation)
    assert ganvas("resume", run_folder).code == 0
    assert mark(evaluation) == before  # once is enough


# ---- one writer -------------------------------------------------------------------------------


def test_a_second_writer_is_refused_in_a_line(ganvas: Ganvas, run_folder: Path) -> None:
    words = ("train", "gan/ring8", "--out", run_folder, *TINY, "train.rounds=1000000")
    trainer = begun(*words)
    try:
        assert within(60, (run_folder / "model" / MODEL).exists)
        for rival in (("resume", run_folder), (*words, "--overwrite")):
            said = ganvas(*rival)
            assert said.code == 1
            assert said.error == (
                f"error: {run_folder} is being written by another process (process {trainer.pid} "
                f"on {os.uname().nodename}); wait until it ends, or stop it with: "
                f"kill {trainer.pid}"
            )
        assert trainer.is_alive()
    finally:
        trainer.kill()
        trainer.join()
    said = ganvas("resume", run_folder, f"train.stop_at={last_round(run_folder) + 3}")
    assert said.code == 0, said.err
    rounds = [row["round"] for row in RunFolder(run_folder).rows() if "event" not in row]
    assert rounds == sorted(set(rounds))


def last_round(run: Path) -> int:
    return int(RunFolder(run).list_checkpoints()[-1].stem)


# ---- stages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["moved", "emptied"])
def test_a_run_whose_folder_is_gone_leaves_nothing_there(
    run_folder: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = begun(
        *("train", "gan/ring8", "--out", run_folder, *TINY),
        *("train.rounds=100000", "train.checkpoint_every=1", "train.log_every=1000"),
    )
    assert within(60, (run_folder / "model" / MODEL).exists)
    if how == "moved":
        run_folder.rename(run_folder.with_name("elsewhere"))
    else:
        (run_folder / "config.yaml").unlink()
    trainer.join()
    assert trainer.exitcode == 1
    (told,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("error: "))
    assert f"{run_folder} is no longer there, or has no config.yaml" in told
    assert "ganvas resume" in told
    if how == "moved":
        assert not run_folder.exists()
        assert RunFolder.open(run_folder.with_name("elsewhere")).list_checkpoints()


def test_a_staged_run_resumes_late(ganvas: Ganvas, run_folder: Path) -> None:
    words = ("game.pretraining=5", "train.rounds=6", "train.stop_at=8", "train.watch_every=0")
    tiny = [word for word in TINY if not word.startswith(("game.", "train.rounds"))]
    said = ganvas("train", "veegan/ring8", "--out", run_folder, *tiny, *words)
    assert said.code == 0, said.err
    said = ganvas("resume", run_folder, "train.rounds=2")  # of the second stage, 3 are played
    assert said.code == 2
    assert "train.rounds=2 is over: the run stands at round 3 of stage" in said.error
    assert "finished at round 11" in ganvas("resume", run_folder).out


# ---- what is missing or was changed -----------------------------------------------------------


def test_checkpoints_that_are_gone(ganvas: Ganvas, trained: Path) -> None:
    shutil.rmtree(trained / "checkpoints")
    before = snapshot(trained)
    said = ganvas("resume", trained)
    assert said.code == 1
    assert "its checkpoints are gone" in said.error
    assert f"ganvas train {trained}/config.yaml --out {trained} --overwrite" in said.error
    assert snapshot(trained) == before
    shutil.rmtree(trained / "model")
    assert "its checkpoints are gone" in ganvas("resume", trained).error  # the log tells


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    ganvas: Ganvas, trained: Path
) -> None:
    shutil.rmtree(trained / "checkpoints")
    shutil.rmtree(trained / "model")
    log = trained / "metrics.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:1]))  # of round 2
    assert "finished at round 6" in ganvas("resume", trained).out


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("", "seed", 5),
        ("train", "batch", 16),
        ("game", "discriminator_steps", 2),
        ("data", "source", "grid25"),
        ("data", "standardise", True),
    ],
)
def test_an_edited_recipe_is_another_run(
    ganvas: Ganvas, trained: Path, part: str, key: str, value: object
) -> None:
    edit(trained, part, key, value)
    before = snapshot(trained)
    name = f"{part}.{key}" if part else key
    said = ganvas("resume", trained)
    assert said.code == 2
    assert f"{name} cannot change when a run goes on" in said.error
    assert "and the run was trained with" in said.error
    assert snapshot(trained) == before


def test_a_run_with_settings_that_there_are_no_longer(ganvas: Ganvas, trained: Path) -> None:
    edit(trained, "", "game", {**recipe_of(trained)["game"], "jitter": {"by": 3}})
    path = max((trained / "checkpoints").glob("*.safetensors"))
    state = load_state(path)
    state["identity"]["recipe"] = json.dumps(recipe_of(trained))  # as its version wrote it
    save_state(path, state)
    weights = trained / "model" / MODEL
    metadata, tensors = read_sealed(weights)
    told = json.loads(metadata["ganvas"])
    told["game"]["jitter"] = {"by": 3}
    write_sealed(weights, tensors, {"ganvas": json.dumps(told)})
    config = trained / "config.yaml"
    lines = config.read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "jitter" in text)
    for verb in ("resume", "diagnose", "evaluate"):
        said = ganvas(verb, trained).error
        assert f"game.jitter is not a setting (from {config}, line {line})." in said
        assert f"If an earlier version knew it, delete it from {config}." in said
    said = ganvas("sample", trained, "--out", trained / "x.npy").error
    assert "does not understand (jitter: there is no such setting)" in said
    assert said.endswith(f"ganvas resume {trained}")
    tree = recipe_of(trained)
    del tree["game"]["jitter"]
    config.write_text(yaml.safe_dump(tree))
    assert ganvas("resume", trained).code == 0
    notes = [row.get("message") for row in RunFolder(trained).rows()]
    assert "the run was trained with game.jitter={by: 3}, which this version has not" in notes
    assert ganvas("sample", trained, "--out", trained / "x.npy").code == 0


@pytest.mark.parametrize("damage", ["name: [", "x", b"\xff\xfe", None])
def test_lost_settings_are_restored_from_a_checkpoint(
    ganvas: Ganvas, trained: Path, damage: str | bytes | None
) -> None:
    config = trained / "config.yaml"
    before = recipe_of(trained)
    assert "can be read: leave --restore out" in ganvas("resume", trained, "--restore").error
    config.unlink()
    if damage is not None:
        config.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    for verb in ("resume", "evaluate", "diagnose"):
        said = ganvas(verb, trained)
        assert said.code == 2
        assert said.error.endswith(f"these settings, too: ganvas resume {trained} --restore")
    assert ganvas("resume", trained, "--restore", "train.rounds=8").code == 0
    assert recipe_of(trained) == {**before, "train": {**before["train"], "rounds": 8}}
    assert config.with_name("config.yaml.damaged").exists() == (damage is not None)
    shutil.rmtree(trained / "checkpoints")
    (trained / "checkpoints").mkdir()
    config.write_text("x")
    assert "no checkpoint that could restore" in ganvas("evaluate", trained).error
    assert "no sound checkpoint" in ganvas("resume", trained, "--restore").error


def test_what_may_change_may_be_edited(ganvas: Ganvas, trained: Path) -> None:
    edit(trained, "train", "rounds", 8)
    edit(trained, "train", "log_every", 1)
    edit(trained, "", "about", "In other words.")
    assert "finished at round 8" in ganvas("resume", trained).out


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.npy"
    np.save(path, np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
    return path


def test_other_data_of_the_same_size_are_refused(
    ganvas: Ganvas, cloud: Path, run_folder: Path
) -> None:
    words = ("--data", cloud, *TINY, "train.stop_at=3")
    assert ganvas("train", "gan/points", "--out", run_folder, *words).code == 0
    whole = cloud.read_bytes()
    before = snapshot(run_folder)
    points = np.load(cloud)
    points[-1, 1] = np.nextafter(points[-1, 1], np.float32(9))  # one unit in the last place
    np.save(cloud, points)
    said = ganvas("resume", run_folder)
    assert said.code == 2
    assert f"the data in {cloud} are not those that {run_folder} was trained on" in said.error
    assert snapshot(run_folder) == before
    cloud.write_bytes(whole)
    moved = cloud.rename(cloud.with_name("moved.npy"))
    edit(run_folder, "data", "source", str(moved))
    assert "finished at round 6" in ganvas("resume", run_folder).out


def test_a_relative_path_elsewhere(
    ganvas: Ganvas, cloud: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cloud.parent)
    words = (f"data.source={cloud.name}", *TINY, "train.stop_at=3")
    assert ganvas("train", "gan/points", "--out", run_folder, *words).code == 0
    elsewhere = cloud.parent / "elsewhere"
    elsewhere.mkdir()
    np.save(elsewhere / cloud.name, np.load(cloud)[::-1])
    monkeypatch.chdir(elsewhere)
    assert "are not those" in ganvas("resume", run_folder).error
    monkeypatch.chdir(cloud.parent)
    assert ganvas("resume", run_folder).code == 0


# ---- how it ends ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_run_says_so_to_scripts(ganvas: Ganvas, run_folder: Path, name: str) -> None:
    number = signal.Signals[name]
    log = RunFolder(run_folder)
    trainer = begun(
        *("train", "gan/ring8", "--out", run_folder, *TINY),
        *("train.rounds=1000000", "train.checkpoint_every=1000000"),
    )
    assert within(60, lambda: any("event" not in row for row in log.rows()))
    assert trainer.pid is not None
    os.kill(trainer.pid, number)
    trainer.join(60)
    assert trainer.exitcode == 128 + number
    at = last_round(run_folder)
    assert RunFolder(run_folder).rows()[-1]["message"] == f"saved at round {at}"
    assert "stopped at" in ganvas("resume", run_folder, f"train.stop_at={at + 1}").out


def test_a_damaged_model_is_written_again_from_the_checkpoint(
    ganvas: Ganvas, trained: Path
) -> None:
    weights = trained / "model" / MODEL
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    said = ganvas("sample", trained, "--count", "3", "--out", trained / "x.npy")
    assert f"ganvas resume {trained}" in said.error
    assert ganvas("resume", trained).code == 0
    assert weights.read_bytes() == whole
