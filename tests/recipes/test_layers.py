from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.errors import UsageError
from ganvas.recipes.layers import Layer, merge
from ganvas.recipes.overrides import as_words, parse_overrides
from ganvas.recipes.text import Tree

keys = st.sampled_from("abc")
trees = st.recursive(
    st.dictionaries(keys, st.integers(0, 9), max_size=3),
    lambda inner: st.dictionaries(keys, inner | st.integers(0, 9), max_size=3),
    max_leaves=6,
)


def combined(*trees: Tree) -> Tree:
    return merge([Layer(tree, "") for tree in trees]).tree


@given(trees, trees, trees)
def test_merging_is_associative(a: Tree, b: Tree, c: Tree) -> None:
    assert combined(combined(a, b), c) == combined(a, b, c)


@given(trees, trees)
def test_the_upper_layer_wins_and_no_layer_changes(a: Tree, b: Tree) -> None:
    before = repr((a, b))
    assert combined(combined(a, b), b) == combined(a, b)
    assert combined({}, a) == combined(a, {}) == a
    assert repr((a, b)) == before


def test_mappings_merge_and_lists_are_replaced() -> None:
    below = {"train": {"batch": 1, "keep": 2}, "widths": [1, 2, 3]}
    assert combined(below, {"train": {"batch": 9}, "widths": [4]}) == {
        "train": {"batch": 9, "keep": 2},
        "widths": [4],
    }


@pytest.mark.parametrize("tag", ["kind", "system"])
def test_another_kind_starts_afresh(tag: str) -> None:
    below = {"part": {tag: "a", "x": 1}}
    assert combined(below, {"part": {tag: "b", "y": 2}}) == {"part": {tag: "b", "y": 2}}
    assert combined(below, {"part": {tag: "a", "y": 2}}) == {"part": {tag: "a", "x": 1, "y": 2}}


def test_a_horizon_takes_back_the_other() -> None:
    rounds: Tree = {"train": {"rounds": 5, "batch": 2}}
    kimg: Tree = {"train": {"kimg": 7.0}}
    assert combined(rounds, kimg) == {"train": {"kimg": 7.0, "batch": 2}}
    assert combined(rounds, kimg, rounds) == rounds
    both: Tree = {"train": {"rounds": 1, "kimg": 1}}
    assert combined(rounds, both)["train"]["kimg"] == 1  # said together, a mistake to report


def test_every_value_knows_its_origin() -> None:
    merged = merge(
        [
            Layer({"a": {"x": 1, "y": {"z": 2}}, "b": 3}, "file"),
            Layer({"a": {"y": {"z": 4}}}, "line"),
        ]
    )
    assert merged.origin(("a", "x")) == "file"
    assert merged.origin(("a", "y", "z")) == "line"
    assert merged.origin(("b",)) == "file"
    assert merged.origin(("a", "unknown")) == "line"  # whoever spoke last about the mapping
    merged.add(Layer({"a": 5, "b": {"x": 6}}, "last"))
    assert merged.origin(("a", "y", "z")) == "last"  # nothing is left of what was replaced
    assert merged.origin(("b", "x")) == "last"


def test_overrides_become_one_layer() -> None:
    layer = parse_overrides(["a.b=1e-3", "a.c=[1, x]", "d=", "a.b=2", "e=k=v"])
    assert layer.tree == {"a": {"b": 2, "c": [1, "x"]}, "d": None, "e": "k=v"}


@pytest.mark.parametrize("word", ["batch", "=3", "a..b=3", ".a=1", "a.=1"])
def test_what_is_no_override_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=r"expected key=value .*for example train\.batch=64"):
        parse_overrides([word])


def test_an_override_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(UsageError, match=r"the value of a\.b \('\[1'\), line 1: "):
        parse_overrides(["a.b=[1"])


def test_python_settings_become_the_same_words() -> None:
    settings = {"train.batch": 64, "game": {"lr": 0.001}, "data.source": "1e3", "x": None, "y": "a"}
    words = as_words(settings)
    assert parse_overrides(words).tree == {
        "train": {"batch": 64},
        "game": {"lr": 0.001},
        "data": {"source": "1e3"},
        "x": None,
        "y": "a",
    }
