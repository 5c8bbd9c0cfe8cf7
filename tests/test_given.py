"""What callers give: paths, whole numbers and words of another kind are told, by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ganvas
from ganvas import api
from ganvas.errors import UsageError
from ganvas.given import batches, path_of, whole
from ganvas.recipes.overrides import as_words, parse_overrides

RECIPE = "gan/ring8"
NO_PATHS = (None, 3, 2.5, True, b"runs", ["runs"], object(), "", " ", "a\0b", "\ud800", "x" * 300)


@pytest.mark.parametrize("value", NO_PATHS, ids=lambda value: type(value).__name__)
def test_what_is_no_path_is_told_by_its_name(value: object) -> None:
    with pytest.raises(UsageError, match="^run is "):
        path_of(value, "run")


def test_home_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of("~/runs", "run") == tmp_path / "runs"
    assert [path_of(x, "run") for x in (".", "/", Path("a/b"))] == [*map(Path, (".", "/", "a/b"))]
    assert path_of("~nobody-of-this-name/runs", "run") == Path("~nobody-of-this-name/runs")


CALLS: list[tuple[str, Callable[[Any], object]]] = [
    ("folder", ganvas.load),
    ("recipe", lambda x: ganvas.train(x, "out")),
    ("out", lambda x: ganvas.train(RECIPE, x)),
    ("start_from", lambda x: ganvas.train(RECIPE, "out", start_from=x)),
    ("run", ganvas.resume),
    ("run", ganvas.evaluate),
    ("run", ganvas.diagnose),
    ("run", lambda x: ganvas.compare(x, x)),
    ("path", lambda x: api.Comparison((), {}, {}).write(x)),
    ("recipe", ganvas.load_recipe),
    ("run", lambda x: api.branch(x, "out")),
    ("file", lambda x: api.import_model(x, "out")),
    ("a set", lambda x: api.distance(x, "ring8")),
]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_every_door_knows_what_is_no_path(
    name: str, call: Callable[[Any], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in (3, ["runs"], ""):
        with pytest.raises(UsageError, match=f"^{name} is "):
            call(value)
    assert not [*tmp_path.iterdir()]


def test_whole_numbers() -> None:
    assert whole(np.int64(3), "n", 1) == 3
    for value in (None, 2.0, "3", True, [3], np.array(3), float("nan")):
        with pytest.raises(UsageError, match="^n is .*: expected a whole number"):
            whole(value, "n")
    with pytest.raises(UsageError, match="^n is 0: expected a whole number from 1 on"):
        whole(0, "n", 1)


@pytest.mark.parametrize("batch", [0, -1, 2.5, None])
def test_a_batch_holds_something(batch: object) -> None:
    assert [*batches(3, 2)] == [slice(0, 2), slice(2, 3)]
    with pytest.raises(UsageError, match="^batch is "):
        batches(3, batch)


@pytest.mark.parametrize("words", [None, 3, "train.batch=64", b"x", [3], {"train.batch": 64}])
def test_changes_are_words(words: Any) -> None:
    with pytest.raises(UsageError, match="^changes are .*: expected a list of key=value words"):
        parse_overrides(words)


def test_settings_of_python_and_numpy_are_said_in_words() -> None:
    told = {"train": {"rounds": np.int64(3)}, "data.source": Path("a/b"), "x": (1, np.float32(0.5))}
    tree = parse_overrides(as_words(told)).tree
    assert tree == {"train": {"rounds": 3}, "data": {"source": "a/b"}, "x": [1, 0.5]}
    with pytest.raises(UsageError, match=r"^train is .*: expected numbers, text, or lists"):
        as_words({"train": {"rounds": object()}})
