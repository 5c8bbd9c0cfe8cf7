"""The door: which name leads where, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from ganvas.data.catalogue import DATA_NAMES
from ganvas.data.domains.points import Points
from ganvas.data.laws import LAW_NAMES
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, LawSource, Source
from ganvas.errors import UsageError


def load(source: object, **keys: object) -> Source:
    return open_data(DataSettings.model_validate({"source": str(source), **keys}))


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "points.npy"
    np.save(path, np.random.default_rng(0).normal([10, -5], [2, 4], (100, 2)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(20):
        path = tmp_path / "pictures" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), i).save(path)
    return tmp_path / "pictures"


@pytest.mark.parametrize("name", LAW_NAMES)
def test_laws_are_served_as_they_are(name: str) -> None:
    source = load(name)
    assert isinstance(source, LawSource)
    assert source.law is not None
    assert source.spec.size is None
    assert source.spec.classes == source.law.K
    domain = source.spec.domain
    assert isinstance(domain, Points)
    assert (set(domain.shift), domain.scale) == ({0.0}, 1.0)


def test_a_law_can_be_standardised_and_unlabelled() -> None:
    source = load("ring8_wide", standardise=True, labels=False)
    assert source.spec.classes == 0
    assert isinstance(source.spec.domain, Points)
    # Mean square of a coordinate on a circle of radius 2, plus the noise: 2 + 0.02².
    assert source.spec.domain.scale == pytest.approx(2**0.5, abs=0.01)


def test_the_users_points_are_standardised_unless_told(points: Path) -> None:
    domain = load(points).spec.domain
    data = np.load(points)
    assert isinstance(domain, Points)
    assert domain.shift == pytest.approx(data.mean(0).tolist())
    assert domain.scale == pytest.approx(data.std(0).tolist())
    together = load(points, standardise="together").spec.domain
    assert isinstance(together, Points)
    assert together.scale == pytest.approx(np.sqrt(data.var(0).mean()))
    plain = load(points, standardise=False).spec.domain
    assert isinstance(plain, Points)
    assert (plain.shift, plain.scale) == ([0.0, 0.0], 1.0)


def test_a_held_out_part_is_disjoint_complete_and_always_the_same(folder: Path) -> None:
    source = load(folder, hold_out=0.25)
    assert isinstance(source, ArraySource)
    assert source.splits == ("train", "test")
    assert source.spec.size == 15
    names = {split: source.items(split).x[:, 0, 0, 0].tolist() for split in source.splits}
    assert sorted(names["train"] + names["test"]) == list(range(20))
    assert len(names["test"]) == 5
    again = load(folder, hold_out=0.25).items("test")
    assert again.x[:, 0, 0, 0].tolist() == names["test"]
    assert "label" in again
    # Files are in the order a/0, a/2, …, b/1, b/3, …: even values are class a.
    assert again["label"].tolist() == [value % 2 for value in names["test"]]


def test_points_are_standardised_by_their_training_part_alone(points: Path) -> None:
    source = load(points, hold_out=0.5)
    assert isinstance(source.spec.domain, Points)
    assert source.spec.domain.shift == pytest.approx(
        source.items("train").x.mean(0, dtype=np.float64).tolist()
    )


def test_a_split_that_is_there_is_kept() -> None:
    assert len(load("digits", hold_out=0.5).items("train")) == 8000


def test_holding_nearly_everything_out_is_refused(points: Path) -> None:
    with pytest.raises(UsageError, match="leaves 1 of 100 items to train on"):
        load(points, hold_out=0.99)


def test_labels_can_be_left_out(folder: Path) -> None:
    assert load(folder).spec.class_names == ["a", "b"]
    source = load(folder, labels=False)
    assert (source.spec.classes, list(source.items("train"))) == (0, ["x"])


@pytest.mark.parametrize("channels", ["grey", "rgb", "rgba"])
def test_array_images_take_the_form_asked_for(channels: str) -> None:
    source = load("digits8", channels=channels, size=[10, 12], resize="stretch")
    count = {"grey": 1, "rgb": 3, "rgba": 4}[channels]
    assert source.spec.shape == (count, 10, 12)


def test_spec_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert load(".").spec.name == "pictures"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ring9", r"Unknown data 'ring9'.*Did you mean 'ring8'"),
        ("fashion-mnist", r"Did you mean 'fashion_mnist'"),
        ("./no/such/folder", r"no file or folder .*no/such/folder"),
        ("missing.npy", r"no file or folder missing\.npy"),
    ],
)
def test_what_is_not_there(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(name)


def test_a_single_file_of_another_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("L", (8, 8)).save(path)
    with pytest.raises(UsageError, match=r"is one \.png file; expected a folder of images"):
        load(path)


def test_settings_of_the_other_kind_are_refused(points: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.size is for images"):
        load(points, size=32)
    with pytest.raises(UsageError, match=r"data\.mirror is for images, but ring8 holds points"):
        load("ring8", mirror=True)
    for images in (folder, "digits_stack"):
        with pytest.raises(UsageError, match=r"data\.standardise is for points"):
            load(images, standardise=True)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"resize": "pad"}, "resize=pad needs a size, for example size=64"),
        ({"background": "whit"}, "'whit' is not a colour"),
        ({"size": 0}, "greater than or equal to 1"),
        ({"hold_out": 1.0}, "less than 1"),
        ({"resize": "crop"}, "'none', 'stretch', 'fit-crop' or 'pad'"),
        ({"colour": 1}, "Extra inputs"),
    ],
)
def test_impossible_settings(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataSettings.model_validate({"source": "x", **keys})


def test_names_are_distinct() -> None:
    assert len(set(DATA_NAMES)) == len(DATA_NAMES)
