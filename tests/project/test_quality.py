"""Style, types and architecture hold for the whole tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pinned import pinned

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent  # the tools of the environment that runs the tests


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", "."), marks=pinned("ruff")),
        pytest.param(("ruff", "format", "--check", "."), marks=pinned("ruff")),
        ("lint-imports",),
        pytest.param(
            ("pyright", "--pythonpath", sys.executable),
            marks=(pytest.mark.slow, pinned("pyright")),
        ),
    ],
    ids=["ruff-check", "ruff-format", "import-linter", "pyright"],
)
def test_tool_finds_nothing(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
