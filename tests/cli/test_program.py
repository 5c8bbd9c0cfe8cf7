"""The program as started from a shell: speed, exit codes, streams, and its own help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import ganvas
from ganvas import abilities
from ganvas.cli.app import known
from ganvas.cli.speech import table
from ganvas.data.memory import amount
from tests.pinned import pinned

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS = known()


def shell(*words: str, code: str = "from ganvas.cli import main; main()") -> list[str]:
    return [sys.executable, "-c", code, *words]


@pytest.mark.parametrize("words", [["--help"], ["recipes"], ["train", "--help"], ["--version"]])
def test_light_commands_leave_torch_alone(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from ganvas.cli.app import run\n"
        "code = run(sys.argv[1:])\n"
        "heavy = {'torch', 'scipy', 'sklearn', 'lightning_fabric'} & sys.modules.keys()\n"
        "sys.exit(code or sorted(heavy) or 0)"
    )
    done = subprocess.run(shell(*words, code=code), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_samples_are_drawn_without_compiler_or_measures(trained: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from ganvas.cli import main\n"
        "heavy = {'torch._dynamo', 'lightning_fabric', 'scipy.special', 'scipy.optimize'}\n"
        "try: main()\n"
        "finally: print(*sorted(heavy & sys.modules.keys()))"
    )
    words = ["sample", str(trained), "--count", "2", "--out", str(tmp_path / "two.png")]
    done = subprocess.run(shell(*words, code=code), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_one_process_trains_without_fabric_or_measures(tmp_path: Path) -> None:
    code = (
        "import sys; from ganvas.cli import main\n"
        "heavy = {'lightning_fabric', 'torchmetrics', 'scipy.stats', 'scipy.signal'}\n"
        "try: main()\n"
        "finally: print(*sorted(heavy & sys.modules.keys()))"
    )
    words = ["train", "gan/ring8", "--out", str(tmp_path / "run"), "train.rounds=1"]
    done = subprocess.run(
        shell(*words, "evaluate.at_end=false", code=code),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("words", [["gan/rign8"], ["gan/ring8", "train.rounds"]])
def test_what_is_misspelt_is_told_before_torch_is_loaded(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from ganvas.cli.app import run\n"
        "code = run(sys.argv[1:])\n"
        "sys.exit('torch' if 'torch' in sys.modules else code)"
    )
    done = subprocess.run(
        shell("train", *words, code=code), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1


def test_exit_codes_and_streams_of_the_real_program(tmp_path: Path) -> None:
    done = subprocess.run(
        shell("train", "gan/rign8", "--out", str(tmp_path / "x")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no recipe 'gan/rign8'.")
    assert done.stderr.count("\n") == 1


def test_a_reader_may_leave_early() -> None:
    with subprocess.Popen(
        shell("recipes"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        process.wait()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from ganvas.cli.app import run

    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"ganvas {ganvas.__version__}"


@pytest.mark.parametrize("name", abilities.names())
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    assert COMMANDS[name].help.splitlines()[0] == abilities.summary(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_gives_an_example(name: str) -> None:
    text = COMMANDS[name].help
    assert text.splitlines()[0].endswith(".")
    assert f"Example: ganvas {name}" in text


@pinned("rich", "typer")
@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_the_command_line_shows_the_help_as_it_is(name: str) -> None:
    page = (DOCS / "cli.md").read_text("utf-8")
    assert f"## {name}\n" in page
    assert help_text(name) in page


def help_text(name: str) -> str:
    """Return a command's help as `docs/cli.md` shows it."""
    context = typer.Context(COMMANDS[name], info_name=f"ganvas {name}", terminal_width=80)
    return COMMANDS[name].get_help(context).strip()


def test_the_page_has_no_other_command() -> None:
    page = (DOCS / "cli.md").read_text("utf-8")
    headings = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert sorted(heading for heading in headings if heading.islower()) == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("size", "text"),
    [(5, "5 B"), (2048, "2 KiB"), (5 * 2**20, "5 MiB"), (2**31, "2 GiB")],
)
def test_amounts_of_memory(size: float, text: str) -> None:
    assert amount(size) == text


def test_tables_are_aligned() -> None:
    lines = table([("a", "1"), ("bcd", "22")], ("name", "x")).splitlines()
    assert lines == ["name  x", "a     1", "bcd   22"]


def test_a_terminal_of_another_encoding_gets_what_it_can_show() -> None:
    there = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "ganvas", "directions", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, env=there, check=False)
    assert said.returncode == 0, said.stderr
    assert "\\u2026" in said.stdout
