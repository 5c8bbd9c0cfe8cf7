"""Records as files: what goes with items is written by its kind, and read back as it was."""

from __future__ import annotations

import csv
import resource
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ganvas.data.domain import Domain
from ganvas.data.domains.classes import Classes
from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.domains.videos import Videos
from ganvas.data.items import Items
from ganvas.data.readers.images import read_images
from ganvas.data.saving import save_records
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, UsageError

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (11, 4, 6, 3), dtype=np.uint8)
MASKS = RNG.integers(0, 256, (11, 4, 6, 1), dtype=np.uint8)
LABEL = np.arange(11) % 3
TAGS = RNG.integers(0, 2, (11, 2), dtype=np.uint8)
SPEED = RNG.normal(size=(11, 1))
ITEMS = Items({"x": PICTURES, "label": LABEL, "tags": TAGS, "speed": SPEED, "mask": MASKS})
DOMAINS: dict[str, Domain] = {
    "x": Images(channels=3, height=4, width=6),
    "label": Classes(count=3, called=["cat", "dog", "eel"]),
    "tags": Tags(called=["red", "round"]),
    "speed": Vector.around(SPEED),
    "mask": Images(channels=1, height=4, width=6),
}


def test_a_folder_is_read_again_as_the_records_that_were_written(tmp_path: Path) -> None:
    out = tmp_path / "made"
    assert save_records(ITEMS, DOMAINS, out) == [out, out / "labels.csv", tmp_path / "made-mask"]
    settings = DataSettings.model_validate({"source": str(out), "cache": "memory"})
    again = read_images(out, settings)
    found = again.splits["train"]
    assert np.array_equal(found.x, PICTURES)
    assert again.class_names == ("cat", "dog", "eel")
    assert np.array_equal(found["label"], LABEL)
    assert np.array_equal(found["tags"], TAGS)
    assert np.array_equal(found["speed"], SPEED)
    masks = DataSettings.model_validate({"source": str(tmp_path / "made-mask"), "cache": "memory"})
    assert np.array_equal(read_images(tmp_path / "made-mask", masks).splits["train"].x, MASKS)


def test_an_npz_file_holds_all_fields(tmp_path: Path) -> None:
    out = tmp_path / "made.npz"
    assert save_records(ITEMS, DOMAINS, out) == [out]
    held = np.load(out)
    assert set(held) == {"images", "label", "tags", "speed", "mask"}
    assert held["label"].tolist()[:3] == ["cat", "dog", "eel"]
    assert np.array_equal(held["mask"], MASKS)
    assert np.array_equal(held["speed"], SPEED[:, 0])


@pytest.mark.parametrize("suffix", [".npy", ".png"])
def test_beside_one_file_there_is_a_table_and_a_file_for_each_other_part(
    suffix: str, tmp_path: Path
) -> None:
    points = RNG.normal(size=(5, 2)).astype(np.float32)
    items = Items({"x": points, "place": RNG.normal(size=(5, 2)), "spread": np.abs(points)})
    domains: dict[str, Domain] = {
        "x": Points(dim=2, shift=[0, 0], scale=1),
        "place": Vector.around(items["place"], ["lat", "lon"]),
        "spread": Points(dim=2, shift=[0, 0], scale=1),
    }
    out = tmp_path / f"p{suffix}"
    written = save_records(items, domains, out)
    assert written == [out, tmp_path / "p-labels.csv", tmp_path / f"p-spread{suffix}"]
    head, *rows = csv.reader((tmp_path / "p-labels.csv").read_text().splitlines())
    assert head == ["place_lat", "place_lon"]
    assert np.array_equal(np.array(rows, np.float64), items["place"])
    if suffix == ".npy":
        assert np.array_equal(np.load(written[2]), np.abs(points))


def test_a_table_has_the_columns_of_all_fields_that_are_some(tmp_path: Path) -> None:
    points = RNG.normal(size=(3, 2)).astype(np.float32)
    items = Items(points, np.array([1, 0, 1]))
    domains: dict[str, Domain] = {
        "x": Points(dim=2, shift=[0, 0], scale=1),
        "label": Classes(count=2, called=["left", "right"]),
    }
    out = tmp_path / "made.csv"
    assert save_records(items, domains, out) == [out]
    head, *rows = csv.reader(out.read_text().splitlines())
    assert head == ["x0", "x1", "label"]
    assert [row[2] for row in rows] == ["right", "left", "right"]
    assert np.array_equal(np.array([row[:2] for row in rows], np.float32), points)
    with pytest.raises(UsageError, match="Cannot save images as 'made.csv'"):
        save_records(ITEMS, DOMAINS, tmp_path / "made.csv")


def test_records_of_one_field_are_that_file_alone_and_an_array_to_numpy(tmp_path: Path) -> None:
    items = Items(PICTURES)
    for name in ("a.npz", "a.npy", "a.png", "a"):
        assert save_records(items, DOMAINS, tmp_path / name) == [tmp_path / name]
        assert [path.name for path in tmp_path.iterdir() if path.stem != "a"] == []
    assert np.array_equal(items, PICTURES)
    assert np.asarray(items).base is PICTURES or np.asarray(items) is PICTURES


@contextmanager
def room(monkeypatch: pytest.MonkeyPatch, size: int) -> Generator[None]:
    """Let no file have more bytes, as on a full disk; modules are not compiled meanwhile."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


NOISE = RNG.integers(0, 256, (3, 4, 16, 16, 3), dtype=np.uint8)
CLIPS = np.concatenate([np.zeros((2, 4, 16, 16, 3), np.uint8), NOISE])  # the first ones are small


@pytest.mark.parametrize("name", ["x.mp4", "x.gif", "x.webp", "x.png", "x.npy", "x.npz"])
def test_a_full_disk_leaves_no_part_of_a_file(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Videos(channels=3, frames=4, height=16, width=16)
    told = "the disk is full|too large for this disk"
    with room(monkeypatch, 500), pytest.raises(GanvasError, match=f"{name}: .*({told})"):
        film.save(CLIPS, tmp_path / name)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["x", "x/{}.gif", "x/{}.webp"])
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_no_part_of_a_folder(
    tmp_path: Path, name: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "x"
    if there:
        folder.mkdir()
    film = Videos(channels=3, frames=4, height=16, width=16)
    with room(monkeypatch, 700), pytest.raises(GanvasError, match="too large for this disk"):
        save_records(
            Items({"x": CLIPS, "label": LABEL[:5]}), DOMAINS | {"x": film}, tmp_path / name
        )
    assert folder.exists() == there
    assert not there or [*folder.iterdir()] == []
    pictures = Images(channels=3, height=16, width=16)
    with room(monkeypatch, 700), pytest.raises(GanvasError, match="too large for this disk"):
        save_records(Items({"x": CLIPS[:, 0]}), {"x": pictures}, folder)
    assert folder.exists() == there


def test_a_file_for_each_clip_has_its_table_in_their_folder(tmp_path: Path) -> None:
    film = Videos(channels=3, frames=4, height=16, width=16)
    mask = Videos(channels=1, frames=4, height=16, width=16)
    items = Items({"x": CLIPS, "label": LABEL[:5], "mask": CLIPS[..., :1]})
    out = tmp_path / "made" / "clip{}.gif"
    written = save_records(items, DOMAINS | {"x": film, "mask": mask}, out)
    assert written == [out, out.with_name("labels.csv"), out.with_name("clip-mask.gif")]
    assert sorted(path.name for path in out.parent.iterdir()) == [
        *("clip-mask.gif", *(f"clip{number}.gif" for number in range(5)), "labels.csv")
    ]
    with (out.parent / "labels.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["file"] for row in rows] == [f"clip{number}.gif" for number in range(5)]
    assert [row["label"] for row in rows] == ["cat", "dog", "eel", "cat", "dog"]
