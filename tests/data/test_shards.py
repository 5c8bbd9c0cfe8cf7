"""Shards: the same images as in a folder, each once an epoch, exact on resume, errors by name."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from ganvas.data import sharding
from ganvas.data.check import check_data, find_images
from ganvas.data.feed import Feed
from ganvas.data.fingerprint import fingerprint
from ganvas.data.memory import bytes_of
from ganvas.data.open import open_data
from ganvas.data.readers import blocks
from ganvas.data.readers.braces import expand
from ganvas.data.settings import DataSettings
from ganvas.data.sharding import write_shards
from ganvas.data.source import Source
from ganvas.errors import GanvasError, UsageError
from ganvas.files import replacing
from tests.data.sharded import numbers, picture, put, samples, tar, write


def stream(source: str, **settings: Any) -> Source:
    return open_data(DataSettings(source=source, cache="none", **settings))


def epoch(source: Source, batch: int, seed: int = 0, skip: int = 0) -> list[int]:
    """Return which training images come in an epoch, in order."""
    feed = Feed(source, batch=batch, seed=seed)
    size = source.spec.size or 0
    shown = [feed.next().x for _ in range((size + skip) // batch)]
    domain = source.spec.domain
    return [i for x in shown for i in numbers(domain.decode(x))][skip:]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks of two images be shuffled a few at a time."""
    monkeypatch.setattr("ganvas.data.readers.shards.BLOCK", 4096)
    monkeypatch.setattr(blocks, "WINDOW", 13_000)
    monkeypatch.setattr("ganvas.data.readers.streamed.WINDOW", 13_000)
    monkeypatch.setattr(blocks, "HELD", 30_000)


# ---- names ---------------------------------------------------------------------------------------


def test_braces_stand_for_names() -> None:
    assert expand("a/{000..002}.tar") == ["a/000.tar", "a/001.tar", "a/002.tar"]
    assert expand("{9..11}") == ["9", "10", "11"]
    assert expand("{b,a{1..2}}-{x,y}") == ["b-x", "b-y", "a1-x", "a1-y", "a2-x", "a2-y"]
    assert len(expand("s3://bucket/{000..127}.tar")) == 128


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a/{000..", "not closed"),
        ("a/{x}.tar", "neither a range"),
        ("{1..9999999}.tar", "more than 1,000,000"),
        ("{1..2000}{1..2000}.tar", "more than 1,000,000"),
    ],
)
def test_braces_that_mean_nothing(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        expand(pattern)


def test_amounts_of_bytes() -> None:
    assert [bytes_of(text) for text in ("1GiB", "500MB", "20k", "1.5 KiB", "7")] == [
        *(2**30, 500_000_000, 20_000, 1536, 7)
    ]
    for wrong in ("", "0", "GiB", "-1MB", "1 PiB"):
        with pytest.raises(UsageError, match="no amount of bytes"):
            bytes_of(wrong)


# ---- the same images as in a folder --------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with splits, named classes, and names that would be one sample."""
    for i in range(40):
        split, label = ("test", "train")[i % 4 > 0], ("cat", "dog")[i % 2]
        path = tmp_path / "set" / split / label / f"v1.{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(i, 8))
    return tmp_path / "set"


def labelled(source: Source, split: str) -> Counter[tuple[int, str]]:
    items = source.items(split)
    names = [source.spec.class_names[label] for label in items["label"].tolist()]
    return Counter(zip(numbers(items.x[:]), names, strict=True))


def test_shards_hold_what_the_folder_holds(folder: Path, tmp_path: Path) -> None:
    found = find_images(str(folder))
    assert found is not None
    pattern = write_shards(found, tmp_path / "out", 20_000)
    assert pattern.endswith("out/{train-{000..003},test-{000..001}}.tar")
    plain = open_data(DataSettings(source=str(folder)))
    for cache in ("memory", "none", str(tmp_path / "cache")):
        source = open_data(DataSettings(source=pattern, cache=cache))
        assert source.splits == plain.splits == ("train", "test")
        for split in source.splits:
            assert labelled(source, split) == labelled(plain, split)
    report, original = check_data(pattern), check_data(str(folder))
    assert (report.counts, report.classes) == (original.counts, original.classes)
    assert report.usable
    again = write_shards(found, tmp_path / "again", 20_000)
    for one in expand(pattern):
        assert (tmp_path / "again" / Path(one).name).read_bytes() == Path(one).read_bytes()
    with pytest.raises(UsageError, match="holds shards already"):
        write_shards(found, Path(again).parent, 10_000)


def test_shards_that_do_not_fit_are_not_left_in_part(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    begun = list[Path]()

    def full(path: Path) -> AbstractContextManager[BinaryIO]:
        begun.append(path)
        if len(begun) == 3:
            raise GanvasError(f"{path}: the disk is full")
        return replacing(path)

    monkeypatch.setattr(sharding, "replacing", full)
    found = find_images(str(folder))
    assert found is not None
    with pytest.raises(GanvasError, match="the disk is full"):
        write_shards(found, out, 20_000)
    assert len(begun) == 3
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_images_are_mixed_before_they_are_written(folder: Path, tmp_path: Path) -> None:
    found = find_images(str(folder))
    assert found is not None
    write_shards(found, tmp_path / "out", 40_000)
    for part in (tmp_path / "out").glob("train-*.tar"):
        assert set(check_data(str(part)).classes) == {"cat", "dog"}


def test_webdataset_reads_what_is_written_and_writes_what_is_read(
    folder: Path, tmp_path: Path
) -> None:
    wds = pytest.importorskip("webdataset")
    found = find_images(str(folder))
    assert found is not None
    pattern = write_shards(found, tmp_path / "out", 2**20)
    train = expand(pattern)[0]
    theirs = [
        (numbers(np.asarray(Image.open(io.BytesIO(one["png"])))[None])[0], json.loads(one["json"]))
        for one in wds.WebDataset(train, shardshuffle=False, empty_check=False)
    ]
    ours = stream(train)
    names = [{"label": ours.spec.class_names[i]} for i in ours.items("train")["label"]]
    assert theirs == list(zip(numbers(ours.items("train").x[:]), names, strict=True))
    with wds.TarWriter(str(tmp_path / "made.tar")) as writer:
        for i in range(5):
            writer.write({"__key__": f"{i:04d}", "png": picture(i), "cls": i % 2, "txt": "words"})
    made = stream(str(tmp_path / "made.tar"))
    assert numbers(made.items("train").x[:]) == [0, 1, 2, 3, 4]
    assert made.items("train")["label"].tolist() == [0, 1, 0, 1, 0]


# ---- order ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_blocks")
def test_a_stream_takes_each_image_once_an_epoch_from_window_to_window(tmp_path: Path) -> None:
    source = stream(write(str(tmp_path), 120, 4))
    assert source.horizon == 9
    first, second = epoch(source, 10), epoch(source, 10, skip=120)
    assert sorted(first) == sorted(second) == list(range(120))
    assert first != second
    assert epoch(source, 24) == first
    assert epoch(source, 10, seed=1) != first
    runs = [len({i // 2 for i in first[k : k + 12]}) for k in range(0, 120, 12)]
    assert max(runs) < 10  # images of one block come near one another: at random it were 12
    assert first[:12] != sorted(first[:12])


@pytest.mark.usefixtures("small_blocks")
def test_resume_in_the_middle_of_a_shard_is_exact(tmp_path: Path) -> None:
    pattern = write(str(tmp_path), 50, 2)
    straight = Feed(stream(pattern, hold_out=0.1), batch=7, seed=3)
    for _ in range(5):
        straight.next()
    state = json.loads(json.dumps(straight.state_dict()))
    resumed = Feed(stream(pattern, hold_out=0.1), batch=7, seed=3)
    resumed.load_state_dict(state)
    for _ in range(12):
        ours, theirs = resumed.next(), straight.next()
        assert ours.x.equal(theirs.x)
        assert ours["index"].equal(theirs["index"])


@pytest.mark.usefixtures("small_blocks")
def test_two_processes_share_an_epoch(tmp_path: Path) -> None:
    pattern = write(str(tmp_path), 48, 3)
    feeds = [Feed(stream(pattern), batch=8, seed=1, rank=rank, world=2) for rank in range(2)]
    shown = [{i for _ in range(6) for i in feed.next()["index"].tolist()} for feed in feeds]
    assert [len(some) for some in shown] == [24, 24]
    assert set.union(*shown) == set(range(48))


def test_the_fingerprint_is_that_of_the_images_wherever_they_are(tmp_path: Path) -> None:
    here = stream(write(str(tmp_path / "a"), 20, 2))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    there = stream(str(tmp_path / "b" / "{000..001}.tar"))
    other = stream(write(str(tmp_path / "c"), 20, 2, edge=5))
    assert fingerprint(here) == fingerprint(there) != fingerprint(other)


@pytest.mark.usefixtures("small_blocks")
def test_held_out_images_are_never_trained_on(tmp_path: Path) -> None:
    source = stream(write(str(tmp_path), 60, 2), hold_out=0.2)
    test = numbers(source.items("test").x[:])
    assert len(test) == 12
    assert sorted(epoch(source, 48) + test) == list(range(60))
    labels = source.items("test")["label"].tolist()
    assert labels == [i % 3 for i in test]


# ---- what is wrong -------------------------------------------------------------------------------


WRONG: dict[str, tuple[bytes, str]] = {
    "breaks off in an image": (tar(samples(range(9)))[:8750], "breaks off within 0004.png"),
    "breaks off between two": (tar(samples(range(9)))[:9216], "breaks off, or is damaged, at byte"),
    "no archive": (b"words" * 500, "no whole tar archive"),
    "empty": (b"", "no whole tar archive: empty file"),
    "no class": (
        tar([*samples(range(3)), ("0007.png", picture(7))]),
        r"000.tar/0007.png has no class \(a .cls, .* beside it\), and .*0000.png has; 1 of 7",
    ),
    "no image": (tar([*samples(range(3)), ("7.cls", b"1")]), "7.cls has no image beside it"),
    "apart": (
        tar([("a.png", picture(0)), ("b.png", picture(1)), ("a.cls", b"1"), ("b.cls", b"1")]),
        r"a.cls has no image beside it; .*tar --sort=name",
    ),
    "two images": (tar([("a.png", picture(0)), ("a.jpg", b"x")]), "a.jpg is the second image"),
    "no label": (tar([("a.png", picture(0)), ("a.json", b"[")]), "a.json cannot be read as a lab"),
    "a fraction": (
        tar([("a.png", picture(0)), ("a.json", b'{"label": 0.5}')]),
        "a.json holds '0.5'; a label is a name or a whole number",
    ),
    "no picture": (
        tar([*samples(range(3)), ("7.png", b"words"), ("7.cls", b"1")]),
        "1 of 7 image files .*\n  000.tar/7.png: text, not an image",
    ),
}


@pytest.mark.parametrize("cache", ["none", "memory"])
@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_shard_is_named(tmp_path: Path, content: bytes, message: str, cache: str) -> None:
    put({str(tmp_path / "000.tar"): content, str(tmp_path / "001.tar"): tar(samples(range(3)))})
    with pytest.raises(UsageError, match=message) as told:
        open_data(DataSettings(source=str(tmp_path / "{000..001}.tar"), cache=cache))
    assert "000.tar" in str(told.value)


def test_shards_without_images_say_what_they_hold(tmp_path: Path) -> None:
    put({str(tmp_path / "000.tar"): tar([("a.txt", b"words")])})
    with pytest.raises(UsageError, match="no image that can be read .*000.tar/a.txt: .txt file"):
        stream(str(tmp_path / "000.tar"))
    with pytest.raises(UsageError, match=r"Shards are named in braces: '.*/\{000..127\}.tar'"):
        stream(str(tmp_path))


def test_missing_shards_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    write(str(tmp_path), 6, 2)
    with pytest.raises(UsageError, match=r"2 of 4 shards are missing, the first: .*/002\.tar"):
        stream(str(tmp_path / "{000..003}.tar"))
    with pytest.raises(UsageError, match=r"There is no file .*/7\.tar"):
        stream(str(tmp_path / "7.tar"))
    with pytest.raises(UsageError, match="has a brace that is not closed"):
        stream(str(tmp_path / "{000..003.tar"))


def test_classes_may_be_left_out(tmp_path: Path) -> None:
    put({str(tmp_path / "a.tar"): tar([*samples(range(3)), ("0007.png", picture(7))])})
    assert stream(str(tmp_path / "a.tar"), labels=False).spec.classes == 0


def test_damaged_pixels_end_a_stream_by_name_or_are_left_out(tmp_path: Path) -> None:
    whole = picture(7, 40)
    members = [*samples(range(20), 40), ("0020.png", whole[:2000]), ("0020.cls", b"1")]
    put({str(tmp_path / "a.tar"): tar(members)})
    source = str(tmp_path / "a.tar")
    with pytest.raises(GanvasError, match=r"a\.tar/0020\.png: damaged: .*data.skip_broken=true"):
        epoch(stream(source), 21)
    left = stream(source, skip_broken=True)
    assert sorted(epoch(left, 20)) == list(range(20))


def test_a_shard_that_changes_under_a_run_is_noticed(tmp_path: Path) -> None:
    pattern = write(str(tmp_path), 6, 2)
    source = stream(pattern)
    changed = tmp_path / "001.tar"
    content = bytearray(changed.read_bytes())
    content[600] ^= 1
    changed.write_bytes(content)
    with pytest.raises(GanvasError, match=r"001\.tar/0003\.png is not what it was"):
        epoch(source, 6)


# ---- elsewhere -----------------------------------------------------------------------------------


class CountedFileSystem(MemoryFileSystem):
    """Files in memory that count how often their parts are read, and may refuse to be."""

    protocol = ("counted",)
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    reads: ClassVar[list[tuple[str, int]]] = []
    refused: ClassVar[str] = ""

    def info(self, path: str, **kwargs: Any) -> Any:
        if self.refused:
            raise PermissionError(self.refused)
        return super().info(path, **kwargs)

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        assert start is not None
        self.reads.append((path, start))
        return super().cat_file(path, start, end, **kwargs)


@pytest.fixture
def elsewhere() -> Iterator[type[CountedFileSystem]]:
    fsspec.register_implementation("counted", CountedFileSystem, clobber=True)
    CountedFileSystem.reads, CountedFileSystem.refused = [], ""
    yield CountedFileSystem
    CountedFileSystem.store.clear()


@pytest.mark.usefixtures("small_blocks")
def test_a_stream_from_elsewhere_reads_each_block_once_an_epoch(
    elsewhere: type[CountedFileSystem], tmp_path: Path
) -> None:
    pattern = write("counted://bucket/set", 240, 4)
    source = stream(pattern)
    assert epoch(source, 8) == epoch(stream(write(str(tmp_path), 240, 4)), 8)
    elsewhere.reads.clear()
    feed = Feed(source, batch=2, seed=0)
    for _ in range(120):
        feed.next()
    ahead = 2 + source.horizon  # the first batch, which nobody foresaw, and what is to come
    assert 120 <= len(elsewhere.reads) <= 120 + ahead
    items = stream(pattern).items("train")
    elsewhere.reads.clear()
    assert numbers(items.x[[5, 100, 200]]) == [5, 100, 200]
    assert len(elsewhere.reads) == 3


def test_refused_and_unknown_places_are_told_in_one_line(
    elsewhere: type[CountedFileSystem],
) -> None:
    write("counted://bucket/set", 6, 2)
    elsewhere.refused = "Unable to locate credentials\nand much more"
    message = "counted://bucket/set/000.tar cannot be read: Unable to locate credentials; .* own"
    with pytest.raises(UsageError, match=message) as told:
        stream("counted://bucket/set/{000..001}.tar")
    assert "\n" not in str(told.value)
    with pytest.raises(UsageError, match="2 of 2 shards are missing, the first: memory://nowhere/"):
        stream("memory://nowhere/{000..001}.tar")
    with pytest.raises(UsageError, match=r"nothing://a/0.tar cannot be read: Protocol not known"):
        stream("nothing://a/0.tar")


def test_shards_elsewhere_are_decoded_once_into_the_cache(
    elsewhere: type[CountedFileSystem], tmp_path: Path
) -> None:
    pattern = write("counted://bucket/set", 30, 3)
    for reads in (3, 0):  # a shard is a block here
        source = open_data(DataSettings(source=pattern, cache=str(tmp_path)))
        assert numbers(source.items("train").x) == list(range(30))
        assert len(elsewhere.reads) == reads
        elsewhere.reads.clear()
