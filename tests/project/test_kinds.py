"""Nothing asks which kind of data it has: kinds say what they can do."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from ganvas.data.affine import AffineSource
from ganvas.data.domains import all_domains, find_domain, kinds
from ganvas.data.graph_source import GraphSource
from ganvas.data.source import ArraySource, LawSource, StackSource

SOURCE = Path(__file__).parents[2] / "src" / "ganvas"


@cache
def trees() -> dict[Path, ast.AST]:
    return {path: ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}


def comparisons(tree: ast.AST, names: set[str]) -> list[int]:
    """Return the lines that compare the kind of data, or its class."""
    found: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            told = {side.value for side in sides if isinstance(side, ast.Constant)}
            asked = any(isinstance(side, ast.Attribute) and side.attr == "kind" for side in sides)
            if asked and told & set(kinds()):
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            told = node.args[1:] if node.func.id in ("isinstance", "issubclass") else []
            of = {leaf.id for part in told for leaf in ast.walk(part) if isinstance(leaf, ast.Name)}
            if of & names:
                found.append(node.lineno)
        elif isinstance(node, ast.MatchClass) and ast.unparse(node.cls) in names:
            found.append(node.pattern.lineno if hasattr(node, "pattern") else 0)
    return found


def test_no_kind_of_data_is_compared_outside_its_own_file() -> None:
    names = {find_domain(kind).__name__ for kind in kinds()}
    assert {domain.__name__ for domain in all_domains().values()} >= names
    found = {
        path.relative_to(SOURCE).as_posix(): lines
        for path, tree in trees().items()
        if path.parent.name != "domains" and (lines := comparisons(tree, names))
    }
    assert found == {}


def test_no_class_of_source_is_asked_for() -> None:
    sources = (AffineSource, ArraySource, GraphSource, LawSource, StackSource)
    names = {source.__name__ for source in sources}
    found = {
        path.relative_to(SOURCE).as_posix(): lines
        for path, tree in trees().items()
        if (lines := comparisons(tree, names))
    }
    assert found == {}


def test_the_search_sees_what_it_is_there_for() -> None:
    wrong = 'if spec.kind == "images": pass\nif isinstance(domain, Points | Images): pass\n'
    wrong += "match domain:\n    case Images(): pass\n"
    assert len(comparisons(ast.parse(wrong), {"Points", "Images"})) == 3
