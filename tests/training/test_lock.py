"""One writer at a time, also where the disk does not know locks."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ganvas.errors import GanvasError
from ganvas.training import lock as module
from ganvas.training.lock import LEASE, LOCK, Holder, Lock

FORK = multiprocessing.get_context("fork")


@pytest.fixture(params=["locks", "none"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the disk know locks, or not."""
    if request.param == "none":
        monkeypatch.setattr(module, "try_lock", lambda descriptor: None)
        monkeypatch.setattr(module, "SETTLE", 0.02)
    return request.param


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold the lock in another process; yield its number."""

    def hold() -> None:
        Lock(folder)
        taken.set()
        time.sleep(60)

    taken = FORK.Event()
    process = FORK.Process(target=hold)
    process.start()
    assert taken.wait(20)
    assert process.pid is not None
    try:
        yield process.pid
    finally:
        process.kill()
        process.join()


def write_holder(folder: Path, holder: Holder, age: float) -> None:
    (folder / LOCK).write_text(json.dumps(asdict(holder)))
    os.utime(folder / LOCK, (time.time() - age,) * 2)


def test_it_is_taken_once_and_given_back(tmp_path: Path, disk: str) -> None:
    first = Lock(tmp_path)
    with pytest.raises(GanvasError, match=f"written by another process.*{os.getpid()}"):
        Lock(tmp_path)
    first.check()
    first.release()
    Lock(tmp_path).release()


def test_it_dies_with_its_process(tmp_path: Path, disk: str) -> None:
    with held(tmp_path) as pid:
        with pytest.raises(GanvasError, match=f"kill {pid}") as caught:
            Lock(tmp_path)
        assert "\n" not in str(caught.value)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        deadline = time.monotonic() + 10
        while True:  # where no lock says so, a process that nobody has buried yet is still there
            try:
                Lock(tmp_path).release()
                return
            except GanvasError:
                assert disk == "none"
                assert time.monotonic() < deadline
                os.waitpid(pid, os.WNOHANG)


@pytest.mark.usefixtures("disk")
def test_a_number_that_another_process_has_got_since_is_no_holder(tmp_path: Path) -> None:
    write_holder(tmp_path, replace(Holder.here(), began="1"), age=0)
    Lock(tmp_path).release()


@pytest.mark.usefixtures("disk")
def test_a_holder_on_another_machine_lives_as_long_as_it_says_so(tmp_path: Path) -> None:
    other = replace(Holder.here(), machine="another boot", host="node7")
    write_holder(tmp_path, other, age=LEASE / 2)
    with pytest.raises(GanvasError, match="on node7.*try again in 60 s"):
        Lock(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    write_holder(tmp_path, other, age=LEASE * 2)
    Lock(tmp_path).release()


def test_a_holder_gives_signs_of_life_and_notices_its_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.02)
    lock = Lock(tmp_path)
    old = time.time() - 1000
    os.utime(tmp_path / LOCK, (old, old))
    assert within(5, lambda: (tmp_path / LOCK).stat().st_mtime > old + 900)
    lock.check()
    other = replace(Holder.here(), machine="another boot")
    write_holder(tmp_path, other, age=0)  # it was halted for long, and another took over
    assert within(5, lambda: lost(lock))
    lock.release()
    assert Holder.read(tmp_path / LOCK) == other


def test_nonsense_in_the_file_holds_nothing(tmp_path: Path) -> None:
    for nonsense in (b"", b"[1]", b'{"pid": 1}', b"\xff\x00", b"null"):
        (tmp_path / LOCK).write_bytes(nonsense)
        Lock(tmp_path).release()
        assert not list(tmp_path.iterdir())


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / LOCK).symlink_to(target)
    with pytest.raises(GanvasError, match="symbolic link"):
        Lock(tmp_path)
    assert target.read_text() == "mine"


def lost(lock: Lock) -> bool:
    try:
        lock.check()
    except GanvasError:
        return True
    return False


def within(seconds: float, true: object) -> bool:
    assert callable(true)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.01)
    return False
