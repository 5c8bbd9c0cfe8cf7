"""What is in a run folder besides what belongs there, and what becomes of damage."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
import torch

from ganvas.errors import GanvasError, UsageError
from ganvas.training.folder import DAMAGED, METRICS, RunFolder
from ganvas.training.lock import LOCK

ROWS = [{"round": n, "loss": n / 7} for n in range(1, 11)]


def made(path: Path, rounds: tuple[int, ...] = (5, 10)) -> RunFolder:
    folder = RunFolder.create(path, "seed: 0\n")
    for row in ROWS:
        folder.append(row)
    for n in rounds:
        folder.save_checkpoint(n, {"rounds": n, "w": torch.arange(500.0) + n}, keep=3)
    return folder


# ---- the log ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", [b"[1]", b"3", b"null", b'{"round": "x"}', b'{"rould": 4}', b'{"round": tru', b"\xff{}"]
)
def test_a_damaged_line_costs_no_other(run_folder: Path, bad: bytes) -> None:
    folder = made(run_folder)
    lines = folder.metrics.read_bytes().splitlines()
    lines[3] = bad
    folder.metrics.write_bytes(b"\n".join(lines) + b'\n{"round": 11, "lo')  # and a torn end
    kept = [row for row in ROWS if row["round"] != 4]
    assert folder.rows() == kept
    assert folder.cut_back(8) == 1
    assert folder.rows() == [row for row in kept if row["round"] <= 8]
    assert (run_folder / DAMAGED).read_bytes() == bad + b"\n"
    assert folder.cut_back(8) == 0


def test_a_flipped_bit_costs_one_line_at_most(run_folder: Path) -> None:
    folder, chance = made(run_folder), random.Random(3)
    whole = folder.metrics.read_bytes()
    for _ in range(200):
        bit = chance.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        folder.metrics.write_bytes(damaged)
        found = [row for row in folder.rows() if row in ROWS]
        assert len(found) >= len(ROWS) - (2 if whole[bit // 8] == ord("\n") else 1)


# ---- checkpoints ------------------------------------------------------------------------------


def test_every_kind_of_damage_falls_back(run_folder: Path) -> None:
    folder, chance = made(run_folder), random.Random(1)
    newest = folder.list_checkpoints()[-1]
    whole = newest.read_bytes()
    half = len(whole) // 2
    damages = [b"", whole[:half], whole[:-1], whole + b"x", whole[:half] + bytes(half), b"PK\3\4"]
    for _ in range(100):
        bit = chance.randrange(8 * len(whole))
        damages.append(
            whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :]
        )
    for damage in damages:
        newest.write_bytes(damage)
        state, problems = folder.load_checkpoint()
        assert state is not None
        assert state["rounds"] == 5
        (problem,) = problems
        assert "\n" not in problem
        assert newest.name in problem


def test_strays_are_not_taken_for_checkpoints_or_samples(run_folder: Path) -> None:
    folder = made(run_folder)
    sound = folder.list_checkpoints()
    content = sound[-1].read_bytes()
    for name in ("1.safetensors", "000000099 (copy).safetensors", "99-old.safetensors"):
        (folder.checkpoints / name).write_bytes(content)
    (folder.checkpoints / "000000098.safetensors").mkdir()
    (folder.checkpoints / "000000097.safetensors").symlink_to(sound[0])
    assert folder.list_checkpoints() == sound
    stray = folder.checkpoints / "000000099.safetensors"
    stray.write_bytes(content)  # under the name of another round
    state, problems = folder.load_checkpoint()
    assert state is not None
    assert state["rounds"] == 10
    assert problems == [f"the checkpoint {stray} is that of round 10: a stray"]
    kept = "000000009.png", "000000009-mask.gif", "9 copy.png", "000000012 (1).png"
    for name in (*kept, "000000012.png", "000000012-mask.gif", "000000011.svg"):
        (folder.samples / name).touch()
    folder.cut_back(10)
    assert [path.name for path in folder.list_samples()] == ["000000009.png"]
    assert {path.name for path in folder.samples.iterdir()} - {"000000010.png"} == set(kept)
    assert folder.list_checkpoints() == sound
    assert stray.with_name(f"{stray.name}.damaged").exists()
    folder.save_checkpoint(1_000_000_000, {"rounds": 1_000_000_000}, keep=3)
    assert folder.list_checkpoints()[-1].stem == "1000000000"


# ---- one writer -------------------------------------------------------------------------------


def test_a_run_that_is_written_is_not_overwritten(run_folder: Path) -> None:
    writer = made(run_folder)
    writer.claim()
    before = sorted(path.name for path in run_folder.rglob("*"))
    rival = RunFolder(run_folder)
    rival.refuse_unless_free(overwrite=True)
    with pytest.raises(GanvasError, match="written by another process"):
        rival.claim()
    assert sorted(path.name for path in run_folder.rglob("*")) == before
    writer.release()
    rival.claim()
    RunFolder.create(run_folder, "seed: 1\n", overwrite=True)
    assert sorted(path.name for path in run_folder.iterdir()) == [
        LOCK, "checkpoints", "config.yaml", "model", "samples",
    ]  # fmt: skip
    rival.release()


def test_what_is_no_run_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(UsageError, match=r"no config\.yaml"):
        RunFolder(tmp_path).refuse_unless_free(overwrite=True)
    with pytest.raises(UsageError, match="not empty; give another --out"):
        RunFolder.create(tmp_path, "")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_claim_clears_what_dead_writers_left(run_folder: Path) -> None:
    folder = made(run_folder)
    for part in (folder.path, folder.checkpoints, folder.samples, folder.model):
        (part / ".file.0123.writing").touch()
    folder.claim()
    assert not list(run_folder.rglob("*.writing"))
    folder.release()


# ---- when the disk refuses --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full; make room"),
        (errno.EACCES, "access is not allowed"),
        (errno.EROFS, "the disk is read-only"),
    ],
)
def test_a_refusal_says_what_the_disk_said_and_where(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    folder = made(run_folder)

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(GanvasError) as caught:
        folder.save_checkpoint(15, {"rounds": 15}, keep=2)
    told = str(caught.value)
    assert f"000000015.safetensors: {words}" in told
    assert told.endswith(f"then: ganvas resume {run_folder}")
    assert [path.stem for path in folder.list_checkpoints()] == ["000000005", "000000010"]
    assert not list(folder.checkpoints.glob(".*"))


def test_a_log_that_cannot_be_written_names_the_run(run_folder: Path) -> None:
    folder = made(run_folder)
    folder.metrics.unlink()
    folder.metrics.mkdir()
    with pytest.raises(GanvasError, match=f"{METRICS}: this is a folder.*resume {run_folder}$"):
        folder.append({"round": 1})
