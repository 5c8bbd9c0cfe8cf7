"""YAML as people mean it: 1e-3 is a number, ``no`` is a word, and errors name the line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import yaml

from ganvas.errors import UsageError

Tree = dict[str, Any]

# The scalars of YAML 1.2's core schema. PyYAML's own are those of 1.1, where 1e-3 is a string,
# ``off`` a boolean and 1:30 the number 90.
SCALARS: list[tuple[str, str, str]] = [
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN"),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+0123456789.",
    ),
]


class _Loader(yaml.SafeLoader):
    """Reads YAML with the scalars above."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class _Dumper(yaml.SafeDumper):
    """Writes YAML that both kinds of reader understand alike: quotes what either would convert."""


for _tag, _pattern, _first in SCALARS:
    first = [*_first, ""] if _tag == "null" else [*_first]
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), first)
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), first)


def _write_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    flat = all(not isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat)


_Dumper.add_representer(list, _write_list)


def parse(text: str, where: str) -> Any:
    """Return what the YAML ``text`` says.

    Raises:
        UsageError: it is no YAML; the message says where.
    """
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise UsageError(f"{where}{line}: {problem}") from None


def read(path: Path) -> Tree:
    """Return the mapping in a YAML file.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a recipe: it is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"cannot read the recipe {path}: {error.strerror}") from None
    tree = parse(text, str(path))
    if not isinstance(tree, dict):
        raise UsageError(f"{path} is not a recipe: expected keys such as data, game and train")
    return cast(Tree, tree)


def write(tree: Tree) -> str:
    """Return ``tree`` as YAML text, keys in their order."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def show(value: Any) -> str:
    """Return one value as it would be typed on the command line."""
    if isinstance(value, str):
        return value
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10_000)
    return text.strip().removesuffix("...").strip()
