"""YAML as people mean it: 1e-3 is a number, ``no`` is a word, and errors name the line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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


LARGEST = 2**20
"""Bytes of a YAML file, at most; a recipe has a few thousand."""
NODES = 100_000
"""Values that it may come to; a few aliases of aliases are quickly more than any memory."""
FLAT = 300
"""Levels to which the fast reader may go; its own calls nest as the text does."""
WHOLE = 2**63
"""Whole numbers are smaller than this, either way."""


class _Loader(yaml.SafeLoader):
    """Reads YAML with the scalars above, without tags for anything else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    yaml_constructors = {  # noqa: RUF012
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("null", "bool", "int", "float", "str", "seq")
    }


def _read_whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    """Return a whole number: 010 is ten."""
    text = str(loader.construct_scalar(node))
    if len(text) > len(str(WHOLE)) or abs(int(text)) >= WHOLE:
        raise _wrong(node, f"{text[:20]}… is too large for a whole number")
    return int(text)


def _read_mapping(loader: _Loader, node: yaml.MappingNode) -> Tree:
    """Return a mapping whose keys are words, each of them once; a whole number is its digits."""
    found: Tree = {}
    for key_node, value_node in node.value:
        key = cast(object, loader.construct_object(key_node, deep=True))
        if isinstance(key, int) and not isinstance(key, bool):
            key = str(key)
        if not isinstance(key, str):
            raise _wrong(key_node, f"expected a name as key, got {str(key)[:40]}")
        if key in found:
            raise _wrong(key_node, f"{key} is there twice")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _wrong(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _read_whole)
_Loader.add_constructor("tag:yaml.org,2002:map", _read_mapping)


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


if TYPE_CHECKING:
    _LibYAML = yaml.SafeLoader
else:
    _LibYAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Fast(_LibYAML):
    """Reads alike by libyaml, ten times faster; deeply nested text makes it crash."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
    yaml_constructors = _Loader.yaml_constructors


def parse(text: str, where: str, *, trusted: bool = False) -> Any:
    """Return what the YAML ``text`` says; one's own is ``trusted`` to be flat.

    Raises:
        UsageError: it is no YAML; the message says where.
    """
    if trusted or _is_flat(text):
        try:
            return _parsed(_Fast(text))
        except Exception:  # what is wrong is told in the words of the other
            pass
    try:
        return _parsed(_Loader(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        if problem.startswith("but "):
            problem = f"{getattr(error, 'context', None)}, {problem}"
        raise UsageError(f"{where}{line}: {problem}") from None
    except RecursionError:
        raise UsageError(f"{where}: lists or mappings in it are nested too deeply") from None
    except (ValueError, LookupError):  # of a value that is not what its tag says
        raise UsageError(f"{where}: a value does not fit its tag, such as !!int x") from None


def _is_flat(text: str) -> bool:
    """Whether text cannot be nested deeply: each level takes a bracket, or a column of a line.

    Nor has it tabs, which libyaml accepts between words.
    """
    longest = max(map(len, text.splitlines()), default=0)
    return "\t" not in text and longest + text.count("[") + text.count("{") <= FLAT


def _parsed(loader: _Loader | _Fast) -> Any:
    node = loader.get_single_node()
    if node is None:
        return None
    if _size(node, {}) > NODES:
        raise _wrong(node, f"it comes to more than {NODES:,} values by its aliases")
    return cast(Any, loader.construct_document(node))


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return cast(list[yaml.Node], node.value)
    if isinstance(node, yaml.MappingNode):
        pairs = cast(list[tuple[yaml.Node, yaml.Node]], node.value)
        return [part for pair in pairs for part in pair]
    return []


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node comes to when all its aliases are written out."""
    if id(node) not in known:
        known[id(node)] = NODES  # until it is counted: an alias of what it is in has no end
        known[id(node)] = 1 + sum(_size(part, known) for part in _parts(node))
    return known[id(node)]


def read(path: Path, *, trusted: bool = False) -> Tree:
    """Return the mapping in a YAML file, which is ``trusted`` if it is ganvas's own.

    Raises:
        UsageError: the file cannot be read, or holds something else; of a run's settings the
            message says how they come back.
    """
    try:
        return _read(path, trusted)
    except UsageError as error:
        from ganvas.training.folder import CONFIG, restoring

        if path.name != CONFIG:
            raise
        raise UsageError(f"{error}{restoring(path.parent)}") from None


def _read(path: Path, trusted: bool) -> Tree:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is not a recipe: it has more than {LARGEST:,} bytes")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a recipe: it is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"cannot read the recipe {path}: {error.strerror}") from None
    tree = parse(text, str(path), trusted=trusted)
    if not isinstance(tree, dict):
        raise UsageError(f"{path} is not a recipe: expected keys such as data, game and train")
    return cast(Tree, tree)


def line_of(path: Path, place: Sequence[str | int]) -> int | None:
    """Return the line of a YAML file, from 1, where the key at a place stands; None: nowhere."""
    try:
        node = cast(Any, yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    line = None
    for key in place:
        found: list[Any] = []
        if isinstance(node, yaml.MappingNode):
            pairs = cast(list[tuple[yaml.Node, yaml.Node]], node.value)
            found = [pair for pair in pairs if pair[0].value == str(key)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            found = [(part, part) for part in node.value[key : key + 1]]
        if not found:
            return None
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line


def write(tree: Tree) -> str:
    """Return ``tree`` as YAML text, keys in their order."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def show(value: Any) -> str:
    """Return one value as it would be typed on the command line."""
    if isinstance(value, str):
        return value
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10_000)
    return text.strip().removesuffix("...").strip()
