"""Hub data sets: local folders, through the real ``datasets`` package where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError

installed = importlib.util.find_spec("datasets") is not None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = pytest.importorskip("datasets.config", reason="the 'hub' extra is not installed")
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "set"


def picture(path: Path, value: int, size: tuple[int, int] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 2 * value, 3 * value)).save(path)


@pytest.mark.skipif(installed, reason="the 'hub' extra is installed")
def test_the_install_hint() -> None:
    with pytest.raises(UsageError, match=r"pip install 'ganvas\[hub\]'"):
        open_data(DataSettings(source="hf:org/name"))


def test_images_labels_and_splits(folder: Path) -> None:
    for split, count in (("train", 4), ("test", 2)):
        for i in range(count):
            picture(folder / split / "ab"[i % 2] / f"{i}.png", i)
    source = open_data(DataSettings(source=f"hf:{folder}"))
    assert source.splits == ("train", "test")
    assert source.spec.shape == (3, 8, 6)
    assert source.spec.class_names == ["a", "b"]
    train = source.items("train")
    assert "label" in train
    found = sorted(zip(train.x[:, 0, 0, 1].tolist(), train["label"].tolist(), strict=True))
    assert found == [(0, 0), (2, 1), (4, 0), (6, 1)]


def test_mixed_sizes_need_a_rule(folder: Path) -> None:
    picture(folder / "a.png", 1, (4, 4))
    picture(folder / "b.png", 2, (5, 4))
    with pytest.raises(UsageError, match="image 0 is 4x4, image 1 is 4x5"):
        open_data(DataSettings(source=f"hf:{folder}"))
    source = open_data(DataSettings(source=f"hf:{folder}", size=4, resize="stretch"))
    assert source.spec.shape == (3, 4, 4)
    assert source.spec.classes == 0


def test_tables_without_images(folder: Path) -> None:
    folder.mkdir()
    (folder / "words.txt").write_text("one\ntwo\n")
    with pytest.raises(UsageError, match="no image column; its columns are text"):
        open_data(DataSettings(source=f"hf:{folder}"))


def test_an_id_that_cannot_be_loaded(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"hf:.*set cannot be loaded from the hub"):
        open_data(DataSettings(source=f"hf:{folder}"))
