from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import BinaryIO

import pytest

from ganvas.errors import GanvasError
from ganvas.files import STALE, misspelt, replacing, sweep, write_whole

FORK = multiprocessing.get_context("fork")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.bin"
    write_whole(path, b"old")
    with replacing(path) as file:
        file.write(b"ne")
        file.flush()
        assert path.read_bytes() == b"old"
        file.write(b"w")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def fail(file: BinaryIO, error: type[BaseException]) -> None:
    file.write(b"half")
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with pytest.raises((error, GanvasError)), replacing(path) as file:
        fail(file, error)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_refusal_names_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "inside").touch()
    with pytest.raises(GanvasError) as caught:
        write_whole(tmp_path / "file", b"x")
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: this is a folder")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    write_whole(path, b"x")
    assert path.read_bytes() == b"x"


def test_links_are_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    path = tmp_path / "file"
    path.symlink_to(target)
    for suffix in (".writing", ".00.writing"):  # names that an attacker might guess
        path.with_name(f".file{suffix}").symlink_to(target)
    write_whole(path, b"new")
    sweep(tmp_path)
    assert target.read_bytes() == b"mine"
    assert not path.is_symlink()
    assert path.read_bytes() == b"new"


def write_often(path: Path, letter: bytes, go: Event) -> None:
    go.wait()
    for _ in range(100):
        write_whole(path, letter * 4096)


def test_writers_at_once_leave_whole_files(tmp_path: Path) -> None:
    path, go = tmp_path / "file", FORK.Event()
    write_whole(path, b"a" * 4096)
    writers = [FORK.Process(target=write_often, args=(path, c, go)) for c in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    go.set()
    while any(writer.is_alive() for writer in writers):
        sweep(tmp_path)  # beside living writers
        content = path.read_bytes()
        assert len(content) == 4096
        assert len(set(content)) == 1
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def write_for_ever(path: Path, begun: Event) -> None:
    with replacing(path) as file:
        file.write(b"half")
        file.flush()
        begun.set()
        time.sleep(60)


def test_what_a_dead_writer_left_is_swept(tmp_path: Path) -> None:
    begun = FORK.Event()
    writer = FORK.Process(target=write_for_ever, args=(tmp_path / "file", begun))
    writer.start()
    assert begun.wait(10)
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1  # it lives
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert len(list(tmp_path.iterdir())) == 1
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_locks_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganvas.files.try_lock", lambda descriptor: None)
    for name, age in (("young", 0.0), ("old", STALE + 60)):
        path = tmp_path / f".{name}.00.writing"
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [".young.00.writing"]
    write_whole(tmp_path / "file", b"x")
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_path_that_nothing_is_at_is_told_its_neighbour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("runs/Ring/model", "runs/words.npz", "runs/words.csv", "runs/.ring"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert misspelt(Path("runs/rign")) == ". Did you mean 'runs/Ring'?"
    assert misspelt(Path("rusn/Ring/model")) == ". Did you mean 'runs/Ring/model'?"
    assert misspelt(Path("rusn/none")) == ". Did you mean 'runs'?"
    assert misspelt(Path("runs")) == "", "it is there"
    assert misspelt(Path("runs/word.npz")) == ". Did you mean 'runs/words.npz'?"
    assert misspelt(Path("runs/word.csv")) == ". Did you mean 'runs/words.csv'?"
    assert misspelt(Path("runs/nope.npz")) == "", "a suffix in common is no likeness"
    assert misspelt(Path("runs/works.npz")) == ". Did you mean 'runs/words.npz'?"
    assert misspelt(Path("runs/wxxds.npz")) == "", "nor are three letters of five"
    assert misspelt(tmp_path / "runs" / "rign") == f". Did you mean '{tmp_path / 'runs' / 'Ring'}'?"


def test_a_place_that_cannot_be_written_is_told_by_the_name_that_was_asked_for() -> None:
    where = Path("/proc/1/samples.gif")
    if not where.parent.is_dir():
        pytest.skip("no /proc here")
    with pytest.raises(GanvasError) as refused, replacing(where):
        pass
    assert str(refused.value).startswith(f"{where}: ")


def test_names_in_another_encoding_are_written(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xfc.txt")
    write_whole(path, b"there")
    assert path.read_bytes() == b"there"
