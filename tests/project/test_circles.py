"""No two modules import each other, not even inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield all names that a module imports from others at run time."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        yield from imports(node)


def order(files: dict[str, str]) -> list[str]:
    """Return modules by name, each after those that it imports."""
    graph: dict[str, set[str]] = {}
    for name, text in files.items():
        wanted = {w if w in files else w.rpartition(".")[0] for w in imports(ast.parse(text))}
        graph[name] = (wanted & files.keys()) - {name}
    return list(TopologicalSorter(graph).static_order())


def test_nobody_imports_who_imports_them() -> None:
    files = {name_of(path): path.read_text("utf-8") for path in SOURCE.rglob("*.py")}
    assert len(order(files)) == len(files)


def test_a_circle_is_seen_inside_a_function_too() -> None:
    files = {"a": "from b import x", "b": "def f():\n    from a import y"}
    with pytest.raises(CycleError):
        order(files)
    files["b"] = "if TYPE_CHECKING:\n    from a import y"
    assert order(files) == ["b", "a"]
