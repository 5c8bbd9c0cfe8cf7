"""The documentation promises only what exists, and the check that says so works."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import check_docs

COMMANDS = {
    "": {"--help"},
    "train": {"--out", "--help"},
    "bench": set[str](),
    "bench modes": {"--tier"},
    "sample": {"--out", "--label"},
}
NEEDED = {"sample": {"--out"}}

TRUTHFUL = """
Run `ganvas train wgan/ring8 --out runs/a`, `ganvas train RECIPE`, `ganvas sample`,
`ganvas sample runs/a … --label 7` or

```bash
make demo
.venv/bin/ganvas bench modes \\
  --tier smoke   # unlike ganvas nothing
```

Tests: `tests/test_x.py::test_a` `tests/test_x.py::TestB::test_c`.

```python
import ganvas
from ganvas import load
```

In prose ganvas promises nothing.
"""


def page(root: Path, text: str, name: str = "docs/systems/wgan.md") -> list[str]:
    """Return the problems of a project whose only page holds ``text``."""
    (root / "docs" / "systems").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "tests" / "test_x.py").write_text(
        "def test_a(): ...\nclass TestB:\n  def test_c(self): ..."
    )
    (root / name).write_text(text, encoding="utf-8")
    return check_docs.problems(root, COMMANDS, {"wgan/ring8"}, {"demo"}, NEEDED)


def test_every_promise_of_the_documentation_is_kept() -> None:
    root = check_docs.ROOT
    assert (
        check_docs.problems(
            root,
            check_docs.known_commands(),
            check_docs.known_recipes(root),
            check_docs.known_targets(root),
            check_docs.needed_options(),
        )
        == []
    )


def test_a_page_that_keeps_its_word(tmp_path: Path) -> None:
    assert page(tmp_path, TRUTHFUL) == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("ganvas tarin wgan/ring8", "no command 'ganvas tarin'"),
        ("ganvas train wgan/ring9 --out x", "no recipe 'wgan/ring9'"),
        ("ganvas train wgan/ring8 --output x", "no option --output"),
        ("ganvas bench modes --out x", "'ganvas bench modes' has no option --out"),
        ("ganvas sample runs/a --label 7", "'ganvas sample runs/a --label 7' needs --out"),
        ("tests/test_y.py::test_a", "no tests/test_y.py::test_a"),
        ("tests/test_x.py::test_c", "no tests/test_x.py::test_c"),
        ("tests/test_x.py::TestB::test_d", "no tests/test_x.py::TestB::test_d"),
        ("make dmo", "no 'make dmo'"),
    ],
)
def test_a_broken_promise_is_named(tmp_path: Path, code: str, complaint: str) -> None:
    good = "`ganvas train wgan/ring8` `tests/test_x.py::test_a`"
    found = page(tmp_path, f"{good} and `{code}`")
    assert len(found) == 1
    assert complaint in found[0]
    assert found[0].startswith("docs/systems/wgan.md: ")


def test_a_system_page_must_name_a_command_and_a_test(tmp_path: Path) -> None:
    assert page(tmp_path, "Just prose.") == [
        "docs/systems/wgan.md: names no command",
        "docs/systems/wgan.md: names no test",
    ]


def test_other_pages_need_not(tmp_path: Path) -> None:
    assert page(tmp_path, "Just prose.", name="docs/index.md") == []
