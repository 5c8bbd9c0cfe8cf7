"""Data that do not fit into memory: mapped, unpacked into the cache once, or refused in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganvas.data import unpacked
from ganvas.data.arrays import load_arrays
from ganvas.data.check import check_data
from ganvas.data.feed import Feed
from ganvas.data.fingerprint import fingerprint
from ganvas.data.mapped import LazyRows, is_mapped
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.diagnosis.look import known_items
from ganvas.errors import UsageError
from ganvas.metrics.of import measures_of

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(600, 3)) * [1e-3, 1, 1e3]
PICTURES = RNG.integers(0, 256, (60, 8, 6, 3), dtype=np.uint8)
LABELS = np.arange(600) % 3


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take little for large, and keep what is unpacked in a folder of this test's."""
    for module in ("ganvas.data.unpacked", "ganvas.data.arrays", "ganvas.data.readers.table"):
        monkeypatch.setattr(f"{module}.SMALL", 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))


def opened(path: Path, **settings: object) -> Source:
    return open_data(DataSettings.model_validate({"source": str(path), **settings}))


def kept(source: Source) -> object:
    return source.items("train").x


def batches(source: Source, seed: int = 3) -> list[torch.Tensor]:
    feed = Feed(source, batch=64, seed=seed)
    return [feed.next().x for _ in range(25)]  # two epochs and a half


FORMS = {
    "npy": lambda path: np.save(path.with_suffix(".npy"), POINTS) or path.with_suffix(".npy"),
    "fortran": lambda path: (
        np.save(path.with_suffix(".npy"), np.asfortranarray(POINTS)) or path.with_suffix(".npy")
    ),
    "stored": lambda path: (
        np.savez(path.with_suffix(".npz"), x=POINTS, y=LABELS) or path.with_suffix(".npz")
    ),
    "packed": lambda path: (
        np.savez_compressed(path.with_suffix(".npz"), x=POINTS, y=LABELS)
        or path.with_suffix(".npz")
    ),
    "packed fortran": lambda path: (
        np.savez_compressed(path.with_suffix(".npz"), x=np.asfortranarray(POINTS))
        or path.with_suffix(".npz")
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_large_arrays_are_mapped_and_serve_the_same(tmp_path: Path, form: str) -> None:
    path = FORMS[form](tmp_path / "mine")
    source = opened(path)
    assert is_mapped(kept(source))
    whole = opened(path, cache="memory")
    assert not is_mapped(kept(whole))
    assert source.spec == whole.spec
    assert fingerprint(source) == fingerprint(whole)
    assert (np.asarray(kept(source)) == POINTS).all()
    for a, b in zip(batches(source), batches(whole), strict=True):
        assert a.equal(b)


def test_a_table_keeps_no_copy_of_mapped_points(tmp_path: Path) -> None:
    source = opened(FORMS["stored"](tmp_path / "mine"))
    table = source.table(torch.device("cpu"))
    assert table.mapped
    assert list(table.fields) == ["label"]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("asked", [{}, {"size": 4, "resize": "stretch"}, {"channels": "rgb"}])
def test_large_images_in_arrays(tmp_path: Path, channels: int, asked: dict[str, object]) -> None:
    images = np.concatenate([PICTURES, PICTURES[..., :1]], axis=3)[..., :channels]
    np.save(tmp_path / "mine.npy", images)
    source, whole = (opened(tmp_path / "mine.npy", cache=c, **asked) for c in ("auto", "memory"))
    assert is_mapped(kept(source)) or isinstance(kept(source), LazyRows)
    assert source.spec == whole.spec
    assert fingerprint(source) == fingerprint(whole)
    feeds = [Feed(one, batch=16, seed=0) for one in (source, whole)]
    for _ in range(9):
        a, b = (feed.next() for feed in feeds)
        assert a.x.equal(b.x)
    a, b = (torch.cat([part.x for part in feed.epoch("train", 7)]) for feed in feeds)
    assert a.equal(b)


def test_held_out_rows_of_mapped_arrays_are_read_when_asked_for(tmp_path: Path) -> None:
    path = FORMS["npy"](tmp_path / "mine")
    source, whole = (opened(path, cache=c, hold_out=0.25) for c in ("auto", "memory"))
    assert isinstance(kept(source), LazyRows)
    assert source.spec == whole.spec
    for split in ("train", "test"):
        assert (np.asarray(source.items(split).x) == whole.items(split).x).all()
    for a, b in zip(batches(source), batches(whole), strict=True):
        assert a.equal(b)
    looked, plain = known_items(source), known_items(whole)
    assert all((looked[name].x == plain[name].x).all() for name in plain)
    samples = RNG.normal(size=(100, 3))
    found, wanted = (measures_of(one).scores(samples, None, 0) for one in (source, whole))
    assert {k: v.value for k, v in found.items()} == {k: v.value for k, v in wanted.items()}


@given(st.data())
def test_lazy_rows_are_indexed_as_arrays_are(data: st.DataObject) -> None:
    array = np.arange(60).reshape(10, 3, 2)
    rows = data.draw(st.none() | st.lists(st.integers(0, 9), min_size=1).map(np.array))
    plain = (array if rows is None else array[rows]) * 2
    lazy = LazyRows(array, rows, lambda some: some * 2)
    n = len(plain)
    index = data.draw(
        st.integers(-n, n - 1)
        | st.slices(n)
        | st.lists(st.integers(-n, n - 1)).map(lambda some: np.array(some, np.int64))
        | st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
    )
    rest = data.draw(st.just(()) | st.just((1,)) | st.just((slice(0, 2), 1)))
    assert (lazy[(index, *rest)] == plain[(index, *rest)]).all()
    assert lazy[(index, *rest)].shape == plain[(index, *rest)].shape
    assert (np.asarray(lazy) == plain).all()
    assert (lazy.shape, lazy.nbytes, len(lazy)) == (plain.shape, plain.nbytes, n)


def test_a_damaged_member_is_seen_before_it_is_mapped(tmp_path: Path) -> None:
    path = FORMS["stored"](tmp_path / "mine")
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(UsageError, match="cannot be read as a NumPy file: Bad CRC-32"):
        load_arrays(path)


def test_compressed_arrays_are_unpacked_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = FORMS["packed"](tmp_path / "mine")
    opened(path, cache=str(tmp_path / "kept"))
    assert "unpacked into" in caplog.text
    assert len(list((tmp_path / "kept").iterdir())) >= 2  # x and y
    caplog.clear()
    opened(path, cache=str(tmp_path / "kept"))
    assert not caplog.text
    with pytest.raises(UsageError, match=r"data\.cache=none keeps them nowhere: leave data\.cache"):
        opened(path, cache="none")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"give another folder with data\.cache=DIR"):
        opened(path, cache=str(tmp_path / "file" / "below"))


def test_more_than_memory_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = FORMS["npy"](tmp_path / "mine")
    for module in (unpacked, sys.modules["ganvas.data.arrays"]):
        monkeypatch.setattr(module, "free_memory", lambda: 10_000)
    opened(path)
    with pytest.raises(UsageError, match=r"14.2 KiB .* 9.77 KiB.*Leave data\.cache at auto"):
        opened(path, cache="memory")
    np.save(tmp_path / "wide.npy", np.tile(PICTURES, (9, 1, 1, 1)).astype(np.int64))
    with pytest.raises(UsageError, match=r"saved as np\.uint8 with np\.save are mapped"):
        opened(tmp_path / "wide.npy")


def test_large_tables_are_parsed_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mine.csv"
    rows = [f"{i},{a!r},{b!r},c{i % 3}" for i, (a, b, _) in enumerate(POINTS.tolist())]
    path.write_text("\n".join([",a,b,label", *rows]))
    source, whole = opened(path), opened(path, cache="memory")
    assert is_mapped(kept(source))
    assert source.spec == whole.spec
    assert source.spec.domain.names == ["a", "b"]
    assert source.spec.class_names == ["c0", "c1", "c2"]
    assert fingerprint(source) == fingerprint(whole)
    caplog.clear()
    again = opened(path)
    assert "unpacked" not in caplog.text
    assert fingerprint(again) == fingerprint(whole)
    path.write_text("\n".join([",a,b,label", *rows[:-1], "9,no number,1,c1"]))
    with pytest.raises(UsageError, match="line 601: column 'a' holds 'no number'"):
        opened(path)
    assert not list((tmp_path / "user" / "ganvas" / "data").glob("*.writing"))


def test_ganvas_data_says_the_same_of_mapped_points(tmp_path: Path) -> None:
    path = FORMS["npy"](tmp_path / "mine")
    text = check_data(str(path)).text()
    assert "scales differ" in text
    assert "train: 600" in text


LOOK = """
import resource, sys
from ganvas.data.check import check_data
from ganvas.data.feed import Feed
from ganvas.data.open import DataSettings, open_data
used = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + 64 * 2**20,) * 2)
for path in sys.argv[1:]:
    print(check_data(path).counts)
    feed = Feed(open_data(DataSettings(source=path, hold_out=0.1)), batch=256, seed=0)
    for _ in range(20):
        feed.next()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
@pytest.mark.slow
def test_memory_stays_bounded(tmp_path: Path) -> None:
    """A process that may take 64 MiB looks at 94 MiB of data, and draws batches of them."""
    files = [tmp_path / name for name in ("plain.npy", "packed.npz", "images.npy")]
    array = np.lib.format.open_memmap(files[0], "w+", np.float64, (12_000, 1_024))
    array[:, 0] = np.arange(12_000)
    array.flush()
    np.savez_compressed(files[1], x=array)
    images = np.lib.format.open_memmap(files[2], "w+", np.uint8, (12_000, 64, 43, 3))
    images.flush()
    del array, images
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *map(str, files)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("{'train': 12000}") == 3
