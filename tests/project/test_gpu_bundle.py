"""The bundle for a machine without network holds the sets as they are."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from benchmarks import gpu
from ganvas.errors import GanvasError
from ganvas.recipes import load_recipe
from scripts import gpu_bundle


def test_sets_are_packed_unzipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANVAS_DATA", str(tmp_path))
    content = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(content))
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(content)
    gpu_bundle.pack(tmp_path / "data.tar.bz2")
    with tarfile.open(tmp_path / "data.tar.bz2") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    packed = {p.name: p.read_bytes() for p in (tmp_path / "out" / "mnist").iterdir()}
    assert packed == dict.fromkeys(("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"), content)


def test_nothing_to_pack_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANVAS_DATA", str(tmp_path))
    with pytest.raises(GanvasError, match="make data"):
        gpu_bundle.pack(tmp_path / "data.tar.bz2")


def test_every_wheel_is_pinned() -> None:
    assert set(gpu_bundle.WHEELS) <= set(gpu_bundle.pins())


def test_every_part_is_a_recipe_with_its_settings() -> None:
    recipes = [part for part in gpu.PARTS.values() if isinstance(part, gpu.Part)]
    assert len(recipes) > 10
    for part in recipes:
        load_recipe(part.recipe, list(part.overrides))
