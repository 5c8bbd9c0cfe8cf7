"""Compiling networks: refused where it cannot be done, and its seconds told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ganvas
from ganvas.errors import UsageError
from ganvas.training.compiling import Stopwatch, refuse_without_compiler
from ganvas.training.folder import RunFolder


def test_without_a_compiler_one_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UsageError, match="needs a C.. compiler, and no-such-compiler is not found"):
        ganvas.train("gan/ring8", tmp_path / "run", quiet=True, **{"train.compile": True})
    assert not (tmp_path / "run").exists()


def test_the_compiler_is_the_one_that_torch_calls(tmp_path: Path) -> None:
    own = tmp_path / "mine++"
    own.write_text("")
    own.chmod(0o755)
    refuse_without_compiler("cpu", {"CXX": "mine++", "PATH": str(tmp_path)})
    refuse_without_compiler("cuda", {"PATH": str(tmp_path)})  # Triton brings its own
    with pytest.raises(UsageError, match="another one may be named by CXX"):
        refuse_without_compiler("cpu", {"PATH": str(tmp_path)})


def test_time_in_compiling_is_added_up() -> None:
    watch = Stopwatch()
    double = torch.compile(lambda x: 2 * x, backend="eager")
    assert watch.seconds == 0
    double(torch.ones(3))
    spent = watch.seconds
    assert spent > 0
    double(torch.ones(3))
    assert watch.seconds == spent


@pytest.mark.slow
def test_a_compiled_run_says_how_long_that_took(tmp_path: Path) -> None:
    settings = {"rounds": 3, "batch": 8, "compile": True, "threads": 1, "sample_every": 0}
    ganvas.train(
        "gan/ring8", tmp_path / "run", quiet=True, train=settings, evaluate={"at_end": False}
    )
    told = [row for row in RunFolder(tmp_path / "run").rows() if row.get("event") == "compile"]
    assert told[0]["round"] == 1
    assert told[0]["message"].endswith(" s of round 1")
