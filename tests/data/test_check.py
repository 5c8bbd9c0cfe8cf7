"""What ``ganvas data`` reports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data.check import check_data
from ganvas.errors import UsageError


def write(path: Path, mode: str = "RGB", size: tuple[int, int] = (8, 8), colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour if mode == "L" else (colour,) * len(mode)).save(path)


def test_a_sound_folder(tmp_path: Path) -> None:
    for i in range(6):
        write(tmp_path / "train" / ("cat" if i < 4 else "dog") / f"{i}.png", colour=i)
    write(tmp_path / "test" / "cat" / "x.png")
    report = check_data(str(tmp_path))
    assert (report.kind, report.usable) == ("images", True)
    assert report.counts == {"train": 6, "test": 1}
    assert report.sizes == {"8x8": 7}
    assert report.channels == {"rgb": 7}
    assert report.classes == {"cat": 5, "dog": 2}
    text = report.text()
    assert "train: 6" in text
    assert "cat: 5" in text
    assert "only 6 training items" in text


def test_everything_wrong_is_named(tmp_path: Path) -> None:
    for i in range(24):
        write(tmp_path / "many" / f"{i}.png", colour=i)
    write(tmp_path / "few" / "wide.png", size=(20, 10))
    write(tmp_path / "few" / "grey.png", mode="L")
    (tmp_path / "few" / "empty.png").write_bytes(b"")
    (tmp_path / "few" / "text.png").write_text("hello")
    broken = tmp_path / "few" / "cut.png"
    write(broken, size=(64, 64))
    broken.write_bytes(broken.read_bytes()[:-30])
    report = check_data(str(tmp_path))
    reasons = {one.name: one.reason for one in report.broken}
    assert reasons["few/empty.png"] == "empty file (0 bytes)"
    assert reasons["few/text.png"] == "text, not an image"
    assert reasons["few/cut.png"].startswith("damaged: ")
    assert not report.usable
    assert report.sizes == {"8x8": 25, "10x20": 1}
    assert report.channels == {"rgb": 25, "grey": 1}
    text = report.text()
    for expected in (
        "few/text.png: text, not an image",
        "2 sizes: training needs a rule, for example data.size=8 data.resize=fit-crop",
        "mixed colour forms (rgb, grey)",
        "classes are uneven: many has 24 items, few has 2",
        "data.skip_broken=true",
    ):
        assert expected in text


def test_duplicates_have_equal_pixels(tmp_path: Path) -> None:
    write(tmp_path / "a.png", colour=1)
    Image.new("RGB", (8, 8), (1, 1, 1)).save(tmp_path / "b.webp", lossless=True)
    write(tmp_path / "c.png", colour=2)
    assert check_data(str(tmp_path)).duplicates == []
    report = check_data(str(tmp_path), duplicates=True)
    assert report.duplicates == [["a.png", "b.webp"]]
    assert "a.png, b.webp" in report.text()


def test_folders_of_several_depths(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    write(tmp_path / "sub" / "b.png")
    assert "folders give no classes" in check_data(str(tmp_path)).text()


def test_arrays_and_their_duplicates(tmp_path: Path) -> None:
    points = np.array([[0.0, 1, 2], [3, 4, 5], [0, 1, 2]])
    np.savez(tmp_path / "p.npz", x=points, y=[0, 1, 0])
    report = check_data(str(tmp_path / "p.npz"), duplicates=True)
    assert (report.kind, report.dim, report.counts) == ("points", 3, {"train": 3})
    assert report.classes == {"0": 2, "1": 1}
    assert report.duplicates == [["train 0", "train 2"]]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("ring8", ["ring8: points", "train: endless", "coordinates: 2", "modes: 8"]),
        ("swiss_roll", ["coordinates: 2"]),
        ("digits_stack", ["train: endless", "8x8", "modes: 1000"]),
        ("digits8", ["train: 1,797", "8x8: 1,797", "grey: 1,797", "classes: 10"]),
    ],
)
def test_known_sets(name: str, lines: list[str]) -> None:
    text = check_data(name).text()
    assert all(line in text for line in lines)


def test_long_lists_are_cut(tmp_path: Path) -> None:
    for i in range(30):
        write(tmp_path / f"{i:02d}" / "a.png")
    assert "… and 10 more" in check_data(str(tmp_path)).text()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "no image that can be read"),
        (lambda path: np.save(path, np.array([[0.0], [np.nan]])), "first in row 1"),
    ],
)
def test_what_is_no_data_set(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "mine.npy"
    make(path)  # pyright: ignore[reportCallIssue]
    with pytest.raises(UsageError, match=message):
        check_data(str(path))


def test_looking_needs_no_torch() -> None:
    code = (
        "import sys; from ganvas.data.check import check_data; check_data('digits'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
