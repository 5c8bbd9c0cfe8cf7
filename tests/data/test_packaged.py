"""The digits that come with the library."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from ganvas.data.open import open_data
from ganvas.data.packaged import digits, digits8
from ganvas.data.settings import DataSettings
from ganvas.data.source import StackSource
from ganvas.data.standard import data_root, mnist
from ganvas.errors import UsageError

FOLDER = files("ganvas.data") / "packaged"


def test_digits_are_ten_thousand_and_balanced() -> None:
    collection = digits()
    for split, count in (("train", 8000), ("test", 2000)):
        items = collection.splits[split]
        assert items.x.shape == (count, 28, 28, 1)
        assert items.x.dtype == np.uint8
        assert "label" in items
        assert np.bincount(items["label"]).tolist() == [count // 10] * 10
        # Random order: a sorted file would have long runs of one class.
        assert (np.diff(items["label"]) == 0).mean() < 0.15
        assert 0.11 < items.x.mean() / 255 < 0.15  # MNIST's mean is 0.1307


def test_no_digit_comes_twice() -> None:
    every = np.concatenate([items.x for items in digits().splits.values()])
    assert len(np.unique(every.reshape(len(every), -1), axis=0)) == 10_000


def test_recorded_indices_lead_to_the_same_pixels_in_mnist() -> None:
    if not (data_root() / "mnist").is_dir():
        pytest.skip("full MNIST is not here; `make data` brings it")
    full = mnist(DataSettings(source="mnist"))
    with (FOLDER / "digits.npz").open("rb") as stream, np.load(stream) as packed:
        for split in ("train", "test"):
            index = packed[f"index_{split}"].astype(np.int64)
            assert len(set(index.tolist())) == len(index)
            theirs = full.splits[split].rows(index)
            assert (theirs.x == digits().splits[split].x).all()
            assert (theirs["label"] == digits().splits[split]["label"]).all()


def test_the_file_is_small_and_names_its_licence() -> None:
    assert len((FOLDER / "digits.npz").read_bytes()) < 2.2e6
    text = (FOLDER / "ATTRIBUTION.md").read_text()
    assert "LeCun" in text
    assert "ShareAlike 3.0" in text
    assert len((FOLDER / "digits8.npz").read_bytes()) < 5e4
    assert "Alpaydin" in text
    assert "Attribution 4.0" in text


def test_digits8_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    items = digits8().splits["train"]
    bunch = load_digits()
    assert items.x.shape == (1797, 8, 8, 1)
    assert (np.rint(items.x[..., 0] * (16 / 255)) == bunch.images).all()
    assert (items["label"] == bunch.target).all()
    assert items.x.max() == 255


@pytest.mark.parametrize(
    ("name", "shape", "splits"),
    [
        ("digits_stack", (3, 8, 8), ("train", "reference")),
        ("stacked_digits", (3, 28, 28), ("train", "reference", "test")),
    ],
)
def test_stacks_have_a_thousand_modes(
    name: str, shape: tuple[int, ...], splits: tuple[str, ...]
) -> None:
    source = open_data(DataSettings(source=name))
    assert isinstance(source, StackSource)
    assert (source.spec.shape, source.spec.classes, source.splits) == (shape, 1000, splits)
    assert source.spec.class_names[123] == "123"
    for split in splits[1:]:
        items = source.items(split)
        assert items.x.shape == (10_000, *shape[1:], 3)
        assert "label" in items
        assert len(set(items["label"].tolist())) > 990


def test_stacks_at_another_size_and_without_labels() -> None:
    settings = DataSettings(source="stacked_digits", size=32, resize="pad", labels=False)
    source = open_data(settings)
    assert (source.spec.shape, source.spec.classes) == ((3, 32, 32), 0)
    assert "label" not in source.items("reference")


def test_stacks_are_of_grey_digits() -> None:
    with pytest.raises(UsageError, match="stacks grey digits"):
        open_data(DataSettings(source="digits_stack", channels="rgb"))


def test_digits_padded_to_32() -> None:
    source = open_data(DataSettings(source="digits", size=32, resize="pad"))
    padded = source.items("train").x
    assert padded.shape == (8000, 32, 32, 1)
    assert (padded[:, 2:30, 2:30] == digits().splits["train"].x).all()
    assert padded.sum(dtype=np.int64) == digits().splits["train"].x.sum(dtype=np.int64)
