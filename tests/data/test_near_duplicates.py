"""Near duplicates: equal keys of an autoencoder; equal images always have them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.cli.app import run
from ganvas.data import near_duplicates
from ganvas.data.near_duplicates import BITS, Training, groups, keys
from ganvas.data.procedural.rooms import Rooms

FEW = Training(steps=10, batch=32)


def test_equal_images_have_equal_keys_and_others_other_ones() -> None:
    rooms = Rooms.draw(60, 3).having(bed=1, lamp=1, window=1).pictures(64)
    copied = [5, 11, 58]
    images = np.concatenate([rooms, rooms[copied], rooms[[5]]])
    found = keys(images, FEW)
    assert found.shape == (64, BITS // 8)
    assert groups(found) == [[5, 60, 63], [11, 61], [58, 62]]
    assert (keys(images, FEW) == found).all()


def test_which_stays_is_all_that_depends_on_the_order() -> None:
    found = np.random.default_rng(0).integers(0, 2, (50, 16)).astype(np.uint8)
    found[[3, 40]] = found[7]
    order = np.random.default_rng(1).permutation(50)
    mixed = [sorted(order[row] for row in rows) for rows in groups(found[order])]
    assert mixed == groups(found) == [[3, 7, 40]]


def test_the_command_names_groups_and_the_kept_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "USUAL", Training(steps=10, batch=8))
    folder, table = tmp_path / "rooms", tmp_path / "groups.csv"
    folder.mkdir()
    rooms = Rooms.draw(12, 3).having(bed=1, lamp=1, window=1)
    for name, row in ((f"{row:02d}", row) for row in range(12)):
        Image.fromarray(rooms.pictures(64)[row]).save(folder / f"{name}.png")
    Image.fromarray(rooms.pictures(64)[4]).save(folder / "same.webp", lossless=True)
    assert run(["data", str(folder), "--near-duplicates", "--groups", str(table)]) == 0
    told = capsys.readouterr().out
    assert "near duplicates: 1 groups, 1 images beside the kept ones" in told
    assert "04.png is kept: same.webp" in told
    rows = list(csv.reader(table.read_text().splitlines()))
    assert rows == [["group", "file", "kept"], ["0", "04.png", "1"], ["0", "same.webp", "0"]]
    assert run(["data", "ring8", "--near-duplicates"]) == 2
    assert "holds no images" in capsys.readouterr().err
    assert run(["data", str(folder), "--groups", str(table)]) == 2
    assert "give both" in capsys.readouterr().err
