from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ganvas.errors import UsageError
from ganvas.recipes.catalogue import FOLDER, layers, names
from ganvas.recipes.text import parse, read, show, write


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("1e-3", 0.001),
        ("1.5E+2", 150.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("0.1.0", "0.1.0"),
        ("e3", "e3"),
        ("'3'", "3"),
        ("[1, 2e0, x]", [1, 2.0, "x"]),
        ("{start: 1, end: 0}", {"start": 1, "end": 0}),
    ],
)
def test_scalars_mean_what_people_mean(text: str, value: object) -> None:
    parsed = parse(text, "here")
    assert parsed == value
    assert type(parsed) is type(value)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text("1234567890eE.+-:noffyestru~ ", max_size=8)
)
trees = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4),
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    max_size=5,
)


@given(trees)
def test_writing_and_reading_are_inverse(tree: dict[str, Any]) -> None:
    assert parse(write(tree), "here") == (tree or None if tree is None else tree)


@given(st.text("1234567890noffyestru~:", max_size=6))
def test_other_readers_understand_the_same(text: str) -> None:
    assert yaml.safe_load(write({"key": text})) == {"key": text}


@pytest.mark.parametrize(("value", "text"), [(64, "64"), (None, "null"), ([1, 2], "[1, 2]")])
def test_values_are_shown_as_one_types_them(value: object, text: str) -> None:
    assert show(value) == text


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("data: 1\ntrain: [1, 2\ngame: 3\n")
    with pytest.raises(UsageError, match=r"x\.yaml, line 3: "):
        read(path)


@pytest.mark.parametrize("content", [b"- 1\n- 2\n", b"word", b"\xff\xfe\x00", b""])
def test_what_is_no_recipe_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not a recipe"):
        read(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a [*a]", "line 1: it comes to more than"),
        ("a: !!int x", "a value does not fit its tag"),
        ("a: !!bool x", "a value does not fit its tag"),
        ("a: !!timestamp x", "line 1: could not determine a constructor"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: could not determine a constructor"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "9" * 5000, "line 1: 99999999999999999999… is too large for a whole number"),
        ("a: 9223372036854775808", "too large for a whole number"),
        ("a: 1\nb: 2\na: 3", "line 3: a is there twice"),
        ("a: 1\n---\nb: 2", "line 2: expected a single document in the stream, but found another"),
        ("1.5: 2", "line 1: expected a name as key, got 1.5"),
        ("true: 2", "line 1: expected a name as key, got True"),
        ('8: 2\n"8": 3', "line 2: 8 is there twice"),
        ("? [a]\n: 2", "expected a name as key, got ['a']"),
        ("a: \x00", "not valid YAML"),
    ],
)
def test_odd_yaml_is_refused_in_words(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "it")
    assert str(caught.value).startswith("it")
    assert expected in str(caught.value)


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(UsageError, match="more than 100,000 values by its aliases"):
        parse("\n".join(lines), "it")
    assert parse("\n".join(lines[:2]), "it")["a1"] == [[1] * 10] * 10


def test_a_whole_number_as_key_is_its_digits() -> None:
    assert parse("{8: 4, 010: 2}", "it") == {"8": 4, "10": 2}


def test_whole_numbers_are_decimal() -> None:
    assert parse("[010, 08, -7]", "it") == [10, 8, -7]


def test_a_huge_file_is_no_recipe(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(2**31)  # takes no room on the disk
    with pytest.raises(UsageError, match="more than 1,048,576 bytes"):
        read(tmp_path / "a.yaml")


def test_both_readers_of_yaml_say_the_same_of_every_packaged_recipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = sorted(FOLDER.glob("*/*.yaml"))
    assert len(paths) == len(names()) > 100
    fast = {path: repr(read(path, trusted=True)) for path in paths}
    monkeypatch.setattr("ganvas.recipes.text.FLAT", 0)
    for path in paths:
        assert fast[path] == repr(read(path)), path


def test_nested_beyond_what_libyaml_survives_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text("[" * 200_000)
    with pytest.raises(UsageError, match="nested too deeply"):
        layers(str(path))
