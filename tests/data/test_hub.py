"""Hub data sets: local folders, through the real ``datasets`` package where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ganvas.data.mapped import is_mapped
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from tests.data.sharded import numbers, write
from tests.data.test_row_groups import write as write_parquet

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


def test_images_are_decoded_once_into_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(6):
        picture(folder / "ab"[i % 2] / f"{i}.png", i)
    kept = {"cache": str(tmp_path / "kept"), "hold_out": 0.5}
    first, whole = (
        open_data(DataSettings.model_validate({"source": f"hf:{folder}", **settings}))
        for settings in (kept, {"cache": "memory", "hold_out": 0.5})
    )
    monkeypatch.setattr("ganvas.data.readers.images.decode", None)
    again = open_data(DataSettings.model_validate({"source": f"hf:{folder}", **kept}))
    for source in (first, again):
        assert is_mapped(source.items("train").x)
        for split in ("train", "test"):
            ours, theirs = source.items(split), whole.items(split)
            assert (ours.x == theirs.x).all()
            assert (ours["label"] == theirs["label"]).all()
            assert (ours.x[:, 0, 0, 0] % 2 == ours["label"]).all()


def test_sets_of_parquet_files_and_shards_are_streamed_as_they_lie(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets: Any = pytest.importorskip("datasets")
    (folder / "table").mkdir(parents=True)
    write_parquet(folder / "table" / "train-0.parquet", list(range(6)), 2, ("a", "b"))
    write(str(folder / "tar" / "train"), 6, 2)
    monkeypatch.setattr(datasets, "load_dataset", None)  # nothing is brought here
    streamed = open_data(DataSettings(source=f"hf:{folder / 'table'}", cache="none"))
    assert streamed.spec.class_names == ["a", "b"]
    assert numbers(streamed.items("train").x[:]) == [0, 1, 2, 3, 4, 5]
    assert streamed.items("train")["label"].tolist() == [0, 1, 0, 1, 0, 1]
    shards = open_data(DataSettings(source=f"hf:{folder / 'tar'}", cache="none"))
    assert numbers(shards.items("train").x[:]) == [0, 1, 2, 3, 4, 5]


def test_broken_rows_are_refused_or_left_out(folder: Path) -> None:
    for i in range(4):
        picture(folder / "ab"[i % 2] / f"{i}.png", i)
    (folder / "a" / "2.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match="1 of 4 image files"):
        open_data(DataSettings(source=f"hf:{folder}"))
    train = open_data(DataSettings(source=f"hf:{folder}", skip_broken=True)).items("train")
    assert sorted(zip(train.x[:, 0, 0, 0].tolist(), train["label"].tolist(), strict=True)) == [
        (0, 0),
        (1, 1),
        (3, 1),
    ]


def test_tables_without_images(folder: Path) -> None:
    folder.mkdir()
    (folder / "words.txt").write_text("one\ntwo\n")
    with pytest.raises(UsageError, match="no image column; its columns are text"):
        open_data(DataSettings(source=f"hf:{folder}"))


def test_an_id_that_cannot_be_loaded(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"hf:.*set cannot be loaded from the hub"):
        open_data(DataSettings(source=f"hf:{folder}"))
