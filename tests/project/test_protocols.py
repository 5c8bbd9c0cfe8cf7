"""Protocols that name more than methods are asked for in a way that sees all of a module."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from ganvas.play.abilities import offers

SOURCE = Path(__file__).parents[2] / "src" / "ganvas"


def with_data(tree: ast.AST) -> set[str]:
    """Return the protocols that name an attribute or a property."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base) for base in node.bases} & {"Protocol", "Interface"}
        and any(
            isinstance(part, ast.AnnAssign)
            or (
                isinstance(part, ast.FunctionDef)
                and "property" in map(ast.unparse, part.decorator_list)
            )
            for part in node.body
        )
    }


def looked_past(tree: ast.AST, names: set[str]) -> list[int]:
    """Return the lines that ask `isinstance` for one of them."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "isinstance"
        and {leaf.id for leaf in ast.walk(node.args[1]) if isinstance(leaf, ast.Name)} & names
    ]


def test_isinstance_is_asked_for_methods_alone() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
    names = {name for tree in trees.values() for name in with_data(tree)}
    assert {"HasLevels", "HasLatentSpace", "CanPair"} <= names
    found = {
        path.relative_to(SOURCE).as_posix(): lines
        for path, tree in trees.items()
        if (lines := looked_past(tree, names))
    }
    assert found == {}, "Python 3.12 and newer do not see parameters, buffers and modules so"


def test_the_search_sees_what_it_is_there_for() -> None:
    wrong = "class Grows(Protocol):\n    growth: int\nprint(isinstance(net, Grows))\n"
    tree = ast.parse(wrong)
    assert looked_past(tree, with_data(tree)) == [3]


class HasAll(Protocol):
    part: nn.Module
    weight: Tensor
    mean: Tensor

    def forward(self, x: Tensor) -> Tensor: ...


def test_modules_parameters_and_buffers_are_offered() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Identity()
            self.weight = nn.Parameter(torch.zeros(1))
            self.register_buffer("mean", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            return x

    net = Net()
    assert offers(net, HasAll)
    for name in ("part", "weight", "mean"):
        changed = Net()
        delattr(changed, name)
        assert not offers(changed, HasAll), name
    changed = Net()
    changed.forward = None  # pyright: ignore[reportAttributeAccessIssue]
    assert not offers(changed, HasAll)
