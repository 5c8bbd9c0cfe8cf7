"""Dotted overrides: ``train.batch=128`` on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, cast

from yaml import YAMLError

from ganvas.errors import UsageError
from ganvas.given import shown
from ganvas.recipes.layers import Layer, Merged
from ganvas.recipes.text import parse, show

COMMAND_LINE = "the command line"
SETTING = "a setting: expected key=value with a dotted key, for example train.batch=64"


def parse_overrides(words: Iterable[str], expected: str = SETTING) -> Layer:
    """Return the layer that ``key=value`` words say; a later word wins over an earlier one.

    Values are YAML: ``3``, ``1e-3``, ``true``, ``null``, ``[1, 2]``, ``{start: 1, end: 0}``.

    Args:
        words: what was said.
        expected: what they should be, for the message about one that is not.

    Raises:
        UsageError: a word is not of that form.
    """
    merged = Merged()
    for word in words_of(words):
        key, equals, value = word.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise UsageError(f"'{word}' is not {expected}")
        tree: Any = parse(value, f"the value of {key} ('{value}')")
        for part in reversed(parts):
            tree = {part: tree}
        merged.add(Layer(tree, COMMAND_LINE))
    return Layer(merged.tree, COMMAND_LINE)


def words_of(words: object) -> list[str]:
    """Return ``key=value`` words that a caller gave.

    Raises:
        UsageError: they are no words, or one alone that is in no list.
    """
    listed = isinstance(words, Iterable) and not isinstance(words, str | bytes | Mapping)
    found = [*cast(Iterable[object], words)] if listed else list[object]()
    texts = [word for word in found if isinstance(word, str)]
    if not listed or len(texts) < len(found):
        raise UsageError(
            f"changes are {shown(cast(object, words))}: expected a list of key=value words, such "
            "as ['train.batch=64']"
        )
    return texts


def told_of_data(words: Iterable[str]) -> dict[str, Any]:
    """Return those settings of ``key=value`` words that are of data: ``data.frames=32``.

    Raises:
        UsageError: a word is not of that form, or is all of ``data`` at once and no mapping.
    """
    told = parse_overrides(words).tree.get("data", {})
    if not isinstance(told, dict):
        raise UsageError(f"data={show(told)}: expected a setting such as data.size=32")
    return cast(dict[str, Any], told)


def as_words(settings: Mapping[str, Any]) -> list[str]:
    """Return Python settings, ``{"train.batch": 64}`` or nested, as ``key=value`` words.

    Raises:
        UsageError: a value is nothing that a recipe can say.
    """
    words: list[str] = []
    for key, value in settings.items():
        try:
            words.append(f"{key}={_quoted(_plain(value))}")
        except (YAMLError, RecursionError):
            raise UsageError(
                f"{key} is {shown(value)}: expected numbers, text, or lists and mappings of them"
            ) from None
    return words


def _plain(value: Any) -> Any:
    """Return a value as YAML has it: of paths the text, of NumPy's numbers and arrays Python's."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast(Sequence[Any], value)]
    if isinstance(value, PurePath):
        return str(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _quoted(value: Any) -> str:
    """Text that reads as something else, such as "1e-3", keeps its quotes."""
    text = show(value)
    return text if not isinstance(value, str) or parse(text, "") == value else repr(value)
