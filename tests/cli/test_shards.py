"""Shards from the command line: written, looked at, trained on as a stream, resumed in one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ganvas as library
from tests.cli.conftest import TINY, Ganvas
from tests.data.sharded import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return forty images of two classes."""
    for i in range(40):
        path = tmp_path / "set" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(i, 8))
    return tmp_path / "set"


def test_a_folder_becomes_shards_that_train_and_resume(
    ganvas: Ganvas, folder: Path, tmp_path: Path
) -> None:
    said = ganvas("data", folder, "--shards", tmp_path / "out", "--size", "30kB")
    pattern = str(tmp_path / "out" / "{000..002}.tar")
    assert "40 images in 3 shards" in said.out
    assert f"--data '{pattern}'" in said.out
    seen = ganvas("data", pattern)
    assert seen.code == 0
    assert [line in seen.out for line in ("train: 40", "a: 20", "b: 20")] == [True] * 3

    def run(name: str, *words: str) -> dict[str, torch.Tensor]:
        out = tmp_path / name
        train = ganvas(
            *("train", "gan/images", "--data", pattern, "--out", out, "data.cache=none"),
            *(*TINY, *words),
        )
        assert train.code == 0, train.err
        if words:
            assert ganvas("resume", out, "train.stop_at=6").code == 0
        return library.load(out).game.state_dict()

    whole, resumed = run("whole"), run("resumed", "train.stop_at=3")
    assert all(tensor.equal(resumed[name]) for name, tensor in whole.items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "1GiB"], "--size is that of shards"),
        (["--shards", "out", "--size", "much"], "'much' is no amount of bytes"),
        (["--shards", "s3://bucket/set"], "a folder here"),
    ],
)
def test_what_cannot_be_written(
    ganvas: Ganvas, folder: Path, words: list[str], message: str
) -> None:
    said = ganvas("data", folder, *words)
    assert said.code == 2
    assert message in said.error
    assert len(said.error.splitlines()) <= 2


def test_broken_images_are_named_and_left_out(ganvas: Ganvas, folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "4.png").write_bytes(b"no image")
    whole = (folder / "b" / "5.png").read_bytes()
    (folder / "b" / "5.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b" / "7.png").write_bytes(b"")
    said = ganvas("data", folder, "--shards", tmp_path / "out")
    assert said.code == 0
    assert "37 images in 1 shards" in said.out
    assert "left out: 3 broken" in said.out
    assert [f"    {name}.png: " in said.out for name in ("a/4", "b/5", "b/7")] == [True] * 3
    seen = ganvas("data", tmp_path / "out" / "000.tar")
    assert seen.code == 0
    assert [line in seen.out for line in ("train: 37", "a: 19", "b: 18")] == [True] * 3
    for path in folder.glob("*/*.png"):
        path.write_bytes(b"no image")
    said = ganvas("data", folder, "--shards", tmp_path / "none")
    assert said.code == 2
    assert "40 of 40 image files" in said.error
    assert not (tmp_path / "none").exists()


def test_only_files_of_images_become_shards(ganvas: Ganvas, tmp_path: Path) -> None:
    said = ganvas("data", "digits", "--shards", tmp_path / "out")
    assert said.code == 2
    assert "digits has no image files" in said.error
