"""How values are asked for, and names that are spelt most like a wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ganvas.errors import nearest, told_at, wanted


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (int, "x", "a whole number"),
        (int, 1.5, "a whole number"),
        (float, "x", "a number"),
        (bool, "perhaps", "true or false"),
        (str, 1, "text"),
        (list[int], "x", "a list"),
        (dict[str, int], "x", "a mapping"),
    ],
)
def test_what_pydantic_wants_is_told_in_plain_words(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(value)
    assert wanted(raised.value.errors()[0]["msg"]) == words


def test_bounds_are_told_in_plain_words() -> None:
    assert wanted("Input should be greater than or equal to 1") == "at least 1"
    assert wanted("Input should be greater than 0") == "more than 0"
    assert wanted("Value error, 3 frames or more") == "3 frames or more"


def test_what_is_missing_of_a_pair_is_told_in_its_place() -> None:
    told = {"pairs": [["a", 1], ["b"]]}
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(dict[str, list[tuple[str, int | str]]]).validate_python(told)
    (detail,) = raised.value.errors()
    assert told_at(detail["loc"], told) == ["pairs", "1"]
    assert wanted(detail["msg"]) == "one more"
    assert told_at(("pairs", 0, 1, "int"), told) == ["pairs", "0", "1"]


def test_the_nearest_name_keeps_its_capitals() -> None:
    assert nearest("alice", ["Bob", "Alicia"]) == "Alicia"
    assert nearest("GAN/ring8", ["gan/ring8", "wgan/ring8"]) == "gan/ring8"
    assert nearest("x", []) is None
