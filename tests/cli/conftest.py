from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganvas.cli.app import run

TINY = [
    *("train.rounds=6", "train.batch=8", "train.checkpoint_every=3", "train.log_every=2"),
    *("train.sample_every=3", "train.watch_every=0", "train.tensorboard=false"),
    *("train.accelerator=cpu", "evaluate.samples=50", "evaluate.at_end=false"),
    *("game.generator={kind: mlp, widths: [8]}", "game.discriminator={kind: mlp, widths: [8]}"),
]
"""Settings that make any recipe a matter of a second."""


@dataclass
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The message on standard error, after any progress."""
        lines = self.err.splitlines()
        (start,) = (i for i, line in enumerate(lines) if line.startswith("error: "))
        _, *others = lines[start:]
        assert all(line.startswith("       ") for line in others), self.err
        assert "Traceback" not in self.err
        return "\n".join(lines[start:])


Ganvas = Callable[..., Said]


@pytest.fixture
def ganvas(capsys: pytest.CaptureFixture[str]) -> Ganvas:
    """Return a function that runs the command line in this process."""

    def call(*words: str | Path) -> Said:
        capsys.readouterr()
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "trained"
    assert run(["train", "gan/ring8", "--out", str(folder), *TINY]) == 0
    return folder


@pytest.fixture
def trained(_trained: Path, tmp_path: Path) -> Path:
    """Return a small finished run of the test's own."""
    return Path(shutil.copytree(_trained, tmp_path / "trained"))
