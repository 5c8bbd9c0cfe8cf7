"""Decoded sets on disk: made once, verified, shared, bounded, and none half-written."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganvas.data import cache, memory
from ganvas.data.cache import BLOCK, Cache, user_cache
from ganvas.data.catalogue import read
from ganvas.data.items import Collection
from ganvas.data.open import open_data
from ganvas.data.readers import images
from ganvas.data.readers.lazy import LazyImages
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, UsageError

KEY = "0" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "set"
    for i in range(30):
        picture = path / "ab"[i % 2] / f"{i:02d}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(picture)
    return path


def load(path: Path, where: Path | str, **keys: object) -> Collection:
    settings = {"source": str(path), "cache": str(where), **keys}
    return read(DataSettings.model_validate(settings))


def sets(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.name[0] != ".")


def forbid(*_: object, **__: object) -> Any:
    raise AssertionError("decoded again")


def made(root: Path, key: str, count: int = 40, level: int = 0) -> cache.Stored:
    """Make a set of images of 64 KiB each, all of one level."""

    def fill(write: Callable[[np.ndarray], None]) -> tuple[dict[str, Any], int]:
        for _ in range(count):
            write(np.full((1, 1, 256, 256), level, np.uint8))
        return {"level": level}, 1

    return Cache(root).make(key, "a set", (1, 256, 256), count, fill)


# --- what a reader sees --------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, {"hold_out": 0.3}, {"labels": False}, {"channels": "rgba"}])
def test_all_stores_hold_the_same(folder: Path, tmp_path: Path, keys: dict[str, object]) -> None:
    wanted = load(folder, "memory", **keys)
    for where in (tmp_path / "cache", tmp_path / "cache", "none", "auto"):  # twice: made, found
        found = load(folder, where, **keys)
        assert list(found.splits) == list(wanted.splits)
        for split, items in wanted.splits.items():
            other = found.splits[split]
            assert (np.asarray(other.x) == items.x).all()
            assert list(other) == list(items)
            assert all((other[name] == items[name]).all() for name in other)


def test_the_part_held_out_is_that_of_arrays(folder: Path, tmp_path: Path) -> None:
    everything = load(folder, "memory").splits["train"].x
    np.save(tmp_path / "all.npy", everything)
    settings = DataSettings(source=str(tmp_path / "all.npy"), hold_out=0.25)
    wanted = open_data(settings)
    found = open_data(DataSettings(source=str(folder), hold_out=0.25))
    for split in ("train", "test"):
        assert (found.items(split).x == wanted.items(split).x).all()


def test_a_second_start_decodes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(folder, tmp_path / "cache").splits["train"].x
    monkeypatch.setattr(images, "decode", forbid)
    monkeypatch.setattr(images, "heads", forbid)
    assert (load(folder, tmp_path / "cache").splits["train"].x == first).all()
    with pytest.raises(AssertionError, match="decoded again"):
        load(folder, tmp_path / "cache", size=8, resize="stretch")


def test_another_file_of_the_same_name_and_size_is_decoded(folder: Path, tmp_path: Path) -> None:
    for i in range(2):
        Image.new("RGB", (7, 9), (i, i, i)).save(folder / "a" / f"{i}.bmp")
    before = load(folder, tmp_path / "cache", size=8, resize="stretch").splits["train"].x.copy()
    old = (folder / "a" / "0.bmp").stat()
    Image.new("RGB", (7, 9), (77, 77, 77)).save(folder / "a" / "0.bmp")
    os.utime(folder / "a" / "0.bmp", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert (folder / "a" / "0.bmp").stat().st_size == old.st_size
    after = load(folder, tmp_path / "cache", size=8, resize="stretch").splits["train"].x
    assert (after != before).any()
    assert len(sets(tmp_path / "cache")) == 2


def test_images_are_pages_of_the_file_and_writing_to_them_changes_no_file(
    folder: Path, tmp_path: Path
) -> None:
    x = load(folder, tmp_path / "cache").splits["train"].x
    planes = np.moveaxis(x, -1, 1)
    assert planes.flags.c_contiguous
    assert planes.flags.writeable
    before = x.copy()
    x[:] = 0
    again = load(folder, tmp_path / "cache").splits["train"].x
    assert (again == before).all()


def test_training_reads_the_pages_themselves(folder: Path, tmp_path: Path) -> None:
    import torch

    source = open_data(DataSettings(source=str(folder), cache=str(tmp_path / "cache")))
    table = source.table(torch.device("cpu")).fields["x"]
    planes = np.moveaxis(source.items("train").x, -1, 1)
    assert table.data_ptr() == planes.__array_interface__["data"][0]


def test_opaque_alpha_channels_are_dropped_from_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (5, 6, 4, 4), dtype=np.uint8)
    pictures[..., 3] = 255
    (tmp_path / "set").mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "set" / f"{i}.png")
    for where in (tmp_path / "cache", tmp_path / "cache", "memory", "none"):
        x = np.asarray(load(tmp_path / "set", where).splits["train"].x)
        assert (x == pictures[..., :3]).all()
    (one,) = sets(tmp_path / "cache")
    assert (one / "planes").stat().st_size == 5 * 6 * 4 * 3


def test_broken_files_are_told_of_by_a_set_that_is_found(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "a" / "00.png"
    path.write_bytes(path.read_bytes()[:-60])
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = load(folder, tmp_path / "cache", skip_broken=True)
        assert len(found.splits["train"]) == 29
        assert "a/00.png: damaged" in caplog.text
    with pytest.raises(UsageError, match=r"1 of 30 image files(.|\n)*a/00\.png: damaged"):
        load(folder, tmp_path / "cache")


# --- on demand, and in memory --------------------------------------------------------------------


def test_images_on_demand_are_indexed_as_arrays_are(folder: Path) -> None:
    array = load(folder, "memory").splits["train"].x
    lazy = load(folder, "none").splits["train"].x
    assert isinstance(lazy, LazyImages)
    assert (lazy.shape, lazy.dtype, lazy.ndim, len(lazy), lazy.nbytes) == (
        *(array.shape, array.dtype, array.ndim),
        *(len(array), array.nbytes),
    )
    some = np.array([[3, 3], [-1, 0]])
    every = (slice(2, 9, 3), slice(None), 4, -2, some, some[0], array[:, 0, 0, 0] > 99, [1, 5])
    for index in every:
        assert lazy[index].shape == array[index].shape
        assert (lazy[index] == array[index]).all()
    assert (lazy[2:4, ..., 0] == array[2:4, ..., 0]).all()
    assert lazy[:0].shape == (0, 9, 7, 3)
    with pytest.raises(IndexError):
        lazy[30]


def test_a_file_that_breaks_while_it_is_decoded_on_demand_is_named(folder: Path) -> None:
    lazy = load(folder, "none").splits["train"].x
    (folder / "a" / "02.png").write_bytes(b"")
    with pytest.raises(GanvasError, match=r"a/02\.png could be decoded .* now: empty file"):
        lazy[:5]


def test_a_set_that_does_not_fit_into_memory_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = 30 * 9 * 7 * 3
    monkeypatch.setattr(images, "free_memory", lambda: needed)
    with pytest.raises(UsageError, match=r"takes 5\.54 KiB decoded.*data\.cache=auto"):
        load(folder, "memory")
    monkeypatch.setattr(images, "free_memory", lambda: 2 * needed)
    assert len(load(folder, "memory").splits["train"]) == 30


def test_free_memory_is_less_than_all_of_it() -> None:
    free = memory.free_memory()
    assert free is None or 0 < free < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_small_sets_stay_in_memory_and_large_ones_do_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    load(folder, "auto")
    assert not user_cache().exists()
    monkeypatch.setattr(images, "SMALL", 1000)
    load(folder, "auto")
    assert len(sets(user_cache())) == 1


def test_a_folder_that_cannot_be_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UsageError, match=r"cannot be written .* data\.cache=DIR"):
        load(folder, tmp_path / "file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(images, "SMALL", 1000)
    with caplog.at_level(logging.WARNING):
        assert len(load(folder, "auto").splits["train"]) == 30
    assert "is kept in memory" in caplog.text


def test_the_user_s_folder_is_where_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    monkeypatch.setenv("HOME", "/Users/me")
    for system, folder in (
        ("linux", "/x"),
        ("win32", "/local"),
        ("darwin", "/Users/me/Library/Caches"),
    ):
        monkeypatch.setattr(cache.sys, "platform", system)
        assert user_cache() == Path(folder) / "ganvas" / "data"


# --- damage --------------------------------------------------------------------------------------


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a bit of the first image": lambda path: flip(path / "planes", 0),
    "a bit of the last image": lambda path: flip(path / "planes", -1),
    "cut": lambda path: os.truncate(path / "planes", 100),
    "longer": lambda path: os.truncate(path / "planes", 10_000),
    "no images": lambda path: (path / "planes").unlink(),
    "nothing said": lambda path: (path / "about.json").unlink(),
    "a bit of what is said": lambda path: flip(path / "about.json", 20),
    "an empty word": lambda path: (path / "about.json").write_text(""),
    "another word": lambda path: (path / "about.json").write_text("[1]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_set_is_made_anew_with_one_line(
    folder: Path, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = load(folder, tmp_path / "cache").splits["train"].x.copy()
    (one,) = sets(tmp_path / "cache")
    DAMAGE[damage](one)
    with caplog.at_level(logging.WARNING):
        found = load(folder, tmp_path / "cache").splits["train"].x
    assert (found == wanted).all()
    assert len(caplog.records) == 1
    assert caplog.messages[0].startswith(f"The decoded copy of {folder} is damaged (")
    assert len(sets(tmp_path / "cache")) == 1


def test_every_bit_of_a_small_set_is_looked_at(tmp_path: Path) -> None:
    assert made(tmp_path, KEY).planes.shape == (40, 1, 256, 256)
    flip(tmp_path / KEY / "planes", BLOCK + 77)
    assert Cache(tmp_path).find(KEY, "a set") is None
    assert sets(tmp_path) == []


# --- room ----------------------------------------------------------------------------------------


def test_sets_not_used_for_longest_go_first_and_never_one_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"{i}" * 64 for i in range(4)]
    size = 40 * 2**16
    monkeypatch.setattr(cache, "LIMIT", 3 * size)
    held = made(tmp_path, keys[0], level=5)
    for key in keys[1:3]:
        made(tmp_path, key)
    for age, key in enumerate(keys[:3]):
        os.utime(tmp_path / key / "lock", (1000.0 + age, 1000.0 + age))
    made(tmp_path, keys[3])
    assert [path.name for path in sets(tmp_path)] == [keys[0], keys[2], keys[3]]
    assert (held.planes == 5).all()
    Cache(tmp_path).find(keys[2], "a set")  # now used
    del held
    made(tmp_path, keys[1])
    assert [path.name for path in sets(tmp_path)] == keys[1:4]


def test_a_disk_that_is_full_is_told_of_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: Full)
    with pytest.raises(UsageError, match=r"takes 2\.5 MiB decoded, but .* has 1e\+03 B left"):
        made(tmp_path, KEY)
    assert sets(tmp_path) == []


class Full:
    free = 1000


def test_clearing_removes_all_but_what_is_in_use(tmp_path: Path) -> None:
    held = made(tmp_path, KEY)
    made(tmp_path, "1" * 64)
    (tmp_path / "mine.txt").write_text("not ours")
    (tmp_path / "mine").mkdir()
    assert Cache(tmp_path).clear() == (40 * 2**16, 1)
    assert (held.planes == 0).all()
    del held
    assert Cache(tmp_path).clear() == (40 * 2**16, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine.txt"]
    assert Cache(tmp_path / "nowhere").clear() == (0, 0)


def test_the_command_that_clears(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from ganvas.cli.app import run

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    for where in (user_cache(), tmp_path / "other"):
        load(folder, where)
    assert run(["data", "--clear-cache"]) == 0
    assert capsys.readouterr().out == f"{user_cache()}: 5.54 KiB removed\n"
    assert not sets(user_cache())
    assert len(sets(tmp_path / "other")) == 1
    assert run(["data", "--clear-cache", str(tmp_path / "other")]) == 0
    assert not sets(tmp_path / "other")
    assert run(["data"]) == 2
    assert "data needs to know which: ganvas data PATH" in capsys.readouterr().err


# --- several processes ---------------------------------------------------------------------------


def reader(path: Path, root: Path, queue: Any) -> None:
    x = load(path, root).splits["train"].x
    queue.put(int(x.astype(np.int64).sum()))


def test_two_processes_at_once_make_one_set(folder: Path, tmp_path: Path) -> None:
    wanted = int(load(folder, "memory").splits["train"].x.astype(np.int64).sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    jobs = [
        context.Process(target=reader, args=(folder, tmp_path / "cache", queue)) for _ in range(4)
    ]
    for job in jobs:
        job.start()
    assert [queue.get(timeout=60) for _ in jobs] == [wanted] * 4
    for job in jobs:
        job.join()
    assert len(sets(tmp_path / "cache")) == 1
    assert not list((tmp_path / "cache").glob("*.writing"))


def test_where_locks_are_unknown_the_first_to_finish_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def unknown(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)

    def fill(write: Callable[[np.ndarray], None]) -> tuple[dict[str, Any], int]:
        write(np.ones((3, 1, 2, 2), np.uint8))
        if not fast:  # another process, beginning later, is done before
            fast.append(Cache(tmp_path).make(KEY, "a set", (1, 2, 2), 3, fill_two))
        return {}, 1

    def fill_two(write: Callable[[np.ndarray], None]) -> tuple[dict[str, Any], int]:
        write(np.full((3, 1, 2, 2), 2, np.uint8))
        return {}, 1

    fast: list[cache.Stored] = []
    found = Cache(tmp_path).make(KEY, "a set", (1, 2, 2), 3, fill)
    assert (found.planes == 2).all()
    assert (fast[0].planes == 2).all()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [KEY]


def test_a_process_killed_while_it_writes_leaves_nothing_wrong(tmp_path: Path) -> None:
    code = (
        "import sys, time\nimport numpy as np\nfrom pathlib import Path\n"
        "from ganvas.data.cache import Cache\n"
        "def fill(write):\n"
        "    write(np.zeros((20, 1, 256, 256), np.uint8))\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
        f"Cache(Path(sys.argv[1])).make('{KEY}', 'a set', (1, 256, 256), 40, fill)\n"
    )
    job = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert job.stdout is not None
    assert job.stdout.readline() == "half\n"
    assert Cache(tmp_path).find(KEY, "a set") is None
    made(tmp_path, "1" * 64)  # leaves alone what another process is writing
    (half,) = tmp_path.glob(".*.writing")
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert Cache(tmp_path).find(KEY, "a set") is None
    assert (made(tmp_path, KEY, level=3).planes == 3).all()
    assert not half.exists()


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    began = threading.Event()

    def slow(write: Callable[[np.ndarray], None]) -> tuple[dict[str, Any], int]:
        began.set()
        time.sleep(0.4)
        write(np.full((2, 1, 4, 4), 9, np.uint8))
        return {}, 1

    first = threading.Thread(target=lambda: Cache(tmp_path).make(KEY, "a set", (1, 4, 4), 2, slow))
    first.start()
    began.wait()
    found = Cache(tmp_path).make(KEY, "a set", (1, 4, 4), 2, forbid)
    first.join()
    assert (found.planes == 9).all()
