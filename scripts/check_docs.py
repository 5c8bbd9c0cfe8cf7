"""Check that the documentation only promises what exists.

Every page below docs/ (and README.md, CONTRIBUTING.md) is searched for code:

- ``ganvas COMMAND --option ...``: the command, its options and, for ``train``, the recipe exist;
- ``ganvas COMMAND runs/NAME ...``: every option that the command cannot do without is there;
- ``tests/....py`` and ``tests/....py::test_name``: the file and the test exist;
- ``make TARGET``: the target exists.

A page below docs/systems/ must name at least one command and one test.

Usage: python scripts/check_docs.py
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"^```[^\n]*\n(?P<block>.*?)^```|`(?P<span>[^`\n]+)`", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:^|[\s/])ganvas +(?P<name>[a-z][\w-]*)(?P<rest>[^|;&]*)")
TEST = re.compile(r"tests/[\w/.-]+\.py(?:::\w+)*")
TARGET = re.compile(r"(?:^|\s)make +(?P<name>[a-z][\w-]*)")


@dataclass
class Promises:
    """What one page says exists."""

    commands: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    tests: list[str] = field(default_factory=list[str])
    targets: list[str] = field(default_factory=list[str])


def code_lines(page: str) -> Iterator[str]:
    """Yield the lines of the page's code, fenced or inline; a trailing backslash joins lines."""
    for match in CODE.finditer(page):
        yield from (match["block"] or match["span"]).replace("\\\n", " ").splitlines()


def promises(page: str) -> Promises:
    """Return what the page's code names."""
    found = Promises()
    for commented in code_lines(page):
        line = re.sub(r"(^|\s)#.*", "", commented)
        # Python lines such as "import ganvas as g" are code as well, but no command.
        if not re.match(r"\s*(import|from) ", line):
            found.commands += [(m["name"], m["rest"]) for m in COMMAND.finditer(line)]
        found.tests += TEST.findall(line)
        found.targets += TARGET.findall(line)
    return found


def known_commands() -> dict[str, set[str]]:
    """Return the options of every command of the command line."""
    import typer.main

    from ganvas.cli.app import app, known

    commands: dict[str, set[str]] = {}
    pending = [("", typer.main.get_command(app)), *known().items()]
    while pending:
        path, command = pending.pop()
        commands[path] = {"--help"} | {
            flag for p in command.params for flag in p.opts + p.secondary_opts
        }
        below = getattr(command, "commands", {}) if path else {}
        pending += [(f"{path} {name}", inner) for name, inner in below.items()]
    return commands


def needed_options() -> dict[str, set[str]]:
    """Return the options that each command cannot do without."""
    from ganvas.cli.app import known

    return {
        path: {p.opts[-1] for p in command.params if p.required and p.opts[-1].startswith("--")}
        for path, command in known().items()
    }


def known_recipes(root: Path) -> set[str]:
    """Return the names (``system/dataset``) of the packaged recipes."""
    folder = root / "src" / "ganvas" / "recipes"
    return {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")}


def known_targets(root: Path) -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z][\w-]*):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))


def command_problems(
    name: str,
    rest: str,
    commands: dict[str, set[str]],
    recipes: set[str],
    needed: dict[str, set[str]],
) -> Iterator[str]:
    """Yield what is wrong with ``ganvas NAME REST``."""
    words = rest.split()
    while words and f"{name} {words[0]}" in commands:
        name = f"{name} {words.pop(0)}"
    if name not in commands:
        yield f"there is no command 'ganvas {name}'"
        return
    for word in words:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in commands[name]:
            yield f"'ganvas {name}' has no option {flag}"
    if words and words[0].startswith("runs/") and "…" not in words:
        given = {word.partition("=")[0] for word in words}
        for flag in sorted(needed.get(name, set[str]()) - given):
            yield f"'ganvas {name} {rest.strip()}' needs {flag}"
    if name in ("train", "recipes") and words:
        recipe = words[0]
        if re.fullmatch(r"[a-z0-9-]+/[a-z0-9_]+", recipe) and recipe not in recipes:
            yield f"there is no recipe '{recipe}'"


def test_exists(root: Path, name: str) -> bool:
    """Return whether ``tests/file.py`` or ``tests/file.py::[Class::]test`` exists."""
    file, *parts = name.split("::")
    if not (root / file).is_file():
        return False
    body = _body(root / file)
    for part in parts:
        kinds = (ast.FunctionDef, ast.ClassDef)
        found = next((node for node in body if isinstance(node, kinds) and node.name == part), None)
        if found is None:
            return False
        body = found.body
    return True


@cache
def _body(file: Path) -> list[ast.stmt]:
    return ast.parse(file.read_text("utf-8")).body


def pages(root: Path) -> list[Path]:
    """Return the Markdown pages to check."""
    top = [root / name for name in ("README.md", "CONTRIBUTING.md")]
    return [page for page in top if page.is_file()] + sorted((root / "docs").rglob("*.md"))


def problems(
    root: Path,
    commands: dict[str, set[str]],
    recipes: set[str],
    targets: set[str],
    needed: dict[str, set[str]],
) -> list[str]:
    """Return one line per promise that is not kept."""
    found: list[str] = []
    for page in pages(root):
        named = promises(page.read_text("utf-8"))
        here = page.relative_to(root).as_posix()
        # The reference is what --help prints, whose lines end anywhere.
        wanted = {} if page.name == "cli.md" else needed
        for name, rest in named.commands:
            complaints = command_problems(name, rest, commands, recipes, wanted)
            found += [f"{here}: {complaint}" for complaint in complaints]
        found += [f"{here}: there is no {t}" for t in named.tests if not test_exists(root, t)]
        found += [f"{here}: there is no 'make {t}'" for t in named.targets if t not in targets]
        if "systems" in page.parts and page.name != "index.md":
            if not named.commands:
                found.append(f"{here}: names no command")
            if not any("::" in test for test in named.tests):
                found.append(f"{here}: names no test")
    return sorted(set(found))


def main() -> int:
    """Print every problem; return 1 if there is one."""
    known = known_commands(), known_recipes(ROOT), known_targets(ROOT), needed_options()
    found = problems(ROOT, *known)
    print("\n".join(found) if found else f"{len(pages(ROOT))} pages: every promise is kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
