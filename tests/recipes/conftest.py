from __future__ import annotations

from pathlib import Path

import pytest

TOY = """\
about: a toy
data: {source: ring8}
game:
  system: tests.recipes.games:Toy
  generator: {kind: narrow, widths: [8, 8]}
  penalties: {r1: {weight: 2.0}, r2: {}}
train: {rounds: 100, batch: 32}
"""


@pytest.fixture
def toy(tmp_path: Path) -> str:
    """Return the path of a recipe of the user's own."""
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    return str(path)
