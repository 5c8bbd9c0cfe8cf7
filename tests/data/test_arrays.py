"""Array files: what is taken, and one clear message for all that is not."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ganvas.data import arrays
from ganvas.data.arrays import read_file
from ganvas.data.check import check_data
from ganvas.data.items import class_order
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
POINTS = RNG.normal(size=(9, 2))


def saved(tmp_path: Path, array: object) -> Path:
    np.save(tmp_path / "mine.npy", np.asarray(array), allow_pickle=True)
    return tmp_path / "mine.npy"


def zipped(tmp_path: Path, **arrays: np.ndarray) -> Path:
    np.savez(tmp_path / "mine.npz", **arrays)  # pyright: ignore[reportArgumentType]
    return tmp_path / "mine.npz"


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_]
)
def test_points_of_any_number_type(tmp_path: Path, dtype: type) -> None:
    points = (POINTS * 10).astype(dtype)
    collection = read_file(saved(tmp_path, points))
    assert collection.kind == "points"
    kept = np.uint8 if dtype is np.bool_ else dtype  # no number is lost before it is standardised
    assert collection.splits["train"].x.dtype == kept
    assert (collection.splits["train"].x == points).all()


def test_images_keep_their_pixels(tmp_path: Path) -> None:
    for pictures in (PICTURES, PICTURES.astype(np.int64)):
        collection = read_file(saved(tmp_path, pictures))
        assert collection.kind == "images"
        assert collection.splits["train"].x.dtype == np.uint8
        assert (collection.splits["train"].x == PICTURES).all()


def test_grey_images_need_no_channel_axis(tmp_path: Path) -> None:
    x = read_file(saved(tmp_path, PICTURES[..., 0])).splits["train"].x
    assert (x == PICTURES[..., :1]).all()


@pytest.mark.parametrize("key", ["x", "images", "data", "arr_0", "whatever"])
def test_npz_names(tmp_path: Path, key: str) -> None:
    assert (read_file(zipped(tmp_path, **{key: PICTURES})).splits["train"].x == PICTURES).all()


def test_npz_labels_and_test_split(tmp_path: Path) -> None:
    path = zipped(
        tmp_path,
        x_train=POINTS,
        y_train=np.array([3, 1] * 4 + [3]),
        x_test=POINTS[:2],
        y_test=np.array([[7], [1]]),
    )
    collection = read_file(path)
    assert collection.class_names == ("1", "3", "7")
    labels = {split: items["label"] for split, items in collection.splits.items()}
    assert labels["train"] is not None
    assert labels["test"] is not None
    assert labels["train"].tolist() == [1, 0] * 4 + [1]
    assert labels["test"].tolist() == [2, 0]


def test_label_names(tmp_path: Path) -> None:
    names = np.array(["dog", "cat"] * 3)
    collection = read_file(zipped(tmp_path, images=PICTURES, labels=names))
    label = collection.splits["train"]["label"]
    assert label is not None
    assert [collection.class_names[i] for i in label] == names.tolist()


def test_nan_names_the_first_row(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[4, 1] = np.nan
    points[7, 0] = np.inf
    with pytest.raises(UsageError, match="in 2 of 9 rows, first in row 4, column 1"):
        read_file(saved(tmp_path, points))


def test_object_arrays_are_never_loaded(tmp_path: Path) -> None:
    objects = np.empty(2, dtype=object)
    objects[:] = [POINTS, "text"]
    with pytest.raises(UsageError, match="Python objects, which are never loaded"):
        read_file(saved(tmp_path, objects))
    with pytest.raises(UsageError, match="Python objects, which are never loaded"):
        read_file(zipped(tmp_path, x=objects))


@pytest.mark.parametrize("array", [POINTS[:1], PICTURES[:1]])
def test_one_item_may_be_asked_about_and_is_nothing_to_train_on(
    tmp_path: Path, array: np.ndarray
) -> None:
    path = saved(tmp_path, array)
    assert len(read_file(path).splits["train"]) == 1
    for look in (lambda: open_data(DataSettings(source=str(path))), lambda: check_data(str(path))):
        with pytest.raises(UsageError, match="a single sample; training learns a distribution"):
            look()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (POINTS[:0], "no samples"),
        (np.float64(3), "has shape ()"),
        (POINTS[:, 0], "A single column of numbers is array[:, None]"),
        (
            np.zeros((4, 3, 8, 8), np.uint8),
            "Bring the channels last with np.moveaxis(array, 1, -1)",
        ),
        (np.zeros((4, 5, 6, 2), np.uint8), "C = 1, 3 or 4"),
        (np.zeros((2, 3, 4, 5, 6)), "has shape (2, 3, 4, 5, 6)"),
        (np.zeros((3, 0)), "has shape (3, 0)"),
        (PICTURES / 255.0, "expected whole numbers 0 to 255"),
        (PICTURES / 255.0, "[0, 1] with (255 * array).round().astype(np.uint8)"),
        (PICTURES / 127.5 - 1, "[-1, 1] with (127.5 * (array + 1)).round().astype(np.uint8)"),
        (PICTURES.astype(np.uint16) * 257, "[0, 65535] with (array // 257).astype(np.uint8)"),
        (PICTURES.astype(np.int64) + 1000, "int64 from 1000 to"),
        (POINTS.astype(np.complex128), "holds complex128 values"),
        (np.array([["a", "b"]] * 3), "holds <U1 values"),
    ],
)
def test_what_is_neither_points_nor_images(tmp_path: Path, array: object, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read_file(saved(tmp_path, array))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": POINTS, "b": POINTS}, "holds the arrays a, b; call the data one of x, images"),
        ({"x": POINTS, "y": np.arange(8)}, "labels 'y' have shape (8,)"),
        ({"x": POINTS, "y": POINTS[:, 0]}, "expected whole numbers or names"),
        ({"x": POINTS, "x_test": PICTURES}, "they must agree"),
        ({"x": POINTS, "x_test": POINTS, "y": np.arange(9)}, "label both or none"),
        ({"x": POINTS, "x_test": POINTS, "y_test": np.arange(9)}, "labels only the test split"),
    ],
)
def test_npz_that_does_not_fit_together(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read_file(zipped(tmp_path, **arrays))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    whole = saved(tmp_path, POINTS) if suffix == ".npy" else zipped(tmp_path, x=POINTS)
    content = whole.read_bytes()
    for broken in (b"", b"text", content[: len(content) // 2]):
        whole.write_bytes(broken)
        with pytest.raises(UsageError, match="cannot be read as a NumPy file"):
            read_file(whole)


# ---- files that are not what they say ---------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((2**19, 2)))
    assert path.stat().st_size < 2**23 / 500
    assert len(read_file(path).splits["train"]) == 2**19  # not yet worth a word
    monkeypatch.setattr(arrays, "ALWAYS", 2**22)
    monkeypatch.setattr(np, "load", None)  # it is refused before
    assert "comes to 8 MiB when it is read; here it may be 4 MiB" in refused(path)
    monkeypatch.setattr(arrays, "ALWAYS", 2**30)
    monkeypatch.setattr(arrays, "free_memory", lambda: 2**20)
    assert "here it may be 1 MiB" in refused(path)


def test_a_header_may_not_promise_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**10, 2)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(160))
    assert "should take 160,000,000,000 bytes" in refused(path)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.write(path, "x.npy")
    assert "the array 'x.npy' should take 160,000,000,000 bytes" in refused(tmp_path / "x.npz")


def test_a_part_that_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 2)))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("notes.txt", "no array")
    assert "the part 'notes.txt' is no array" in refused(tmp_path / "x.npz")


@pytest.mark.parametrize("largest", [1e300, -1e39])
def test_numbers_that_32_bits_cannot_hold(tmp_path: Path, largest: float) -> None:
    np.save(tmp_path / "x.npy", np.array([[1.0, 2.0], [largest, 3.0]]))
    assert f"numbers up to {abs(largest):.3g}" in refused(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.array([[1.0, 2.0], [3e38, 3.0]]))
    assert np.isfinite(read_file(tmp_path / "x.npy").splits["train"].x).all()


def test_labels_that_look_like_numbers_but_are_none(tmp_path: Path) -> None:
    names = ["--5", "5", "-", "\u0663", "9" * 5000]
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 2)), y=np.array(names))
    assert set(read_file(tmp_path / "x.npz").class_names) == set(names)
    assert class_order(["10", "-5", "9"]) == ("-5", "9", "10")
