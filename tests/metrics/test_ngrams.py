"""Divergences of n-grams against sums by hand and by brute force, and what is measured of text."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource
from ganvas.metrics.ngrams import Ngrams, js_bits, ngrams
from ganvas.metrics.of import measures_of


def codes(*lines: str) -> np.ndarray:
    return np.array([[ord(sign) - ord("a") for sign in line] for line in lines])


def by_brute_force(first: list[str], second: list[str], n: int) -> float:
    def shares(lines: list[str]) -> dict[str, float]:
        found = Counter(line[i : i + n] for line in lines for i in range(len(line) - n + 1))
        return {gram: count / found.total() for gram, count in found.items()}

    p, q = shares(first), shares(second)
    total = 0.0
    for gram in p.keys() | q.keys():
        a, b = p.get(gram, 0.0), q.get(gram, 0.0)
        middle = (a + b) / 2
        total += sum(x / 2 * math.log2(x / middle) for x in (a, b) if x)
    return total


def test_two_lines_by_hand() -> None:
    found = js_bits(ngrams(codes("ab"), 2), ngrams(codes("aa"), 2))
    # P = (½, ½), Q = (1, 0), M = (¾, ¼): ½(½ log₂ ⅔ + ½ log₂ 2) + ½ log₂ 4/3
    assert found["js1"] == pytest.approx(0.311278, abs=1e-6)
    assert found["js2"] == pytest.approx(1.0)
    assert set(found) == {"js1", "js2"}  # lines of two characters have no longer sequences


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_divergences_equal_those_by_brute_force(n: int) -> None:
    rng = np.random.default_rng(n)
    first, second = (rng.integers(0, 5, (40, 7)) + [[0], [shift]][0] for shift in (0, 1))
    words = [["".join(chr(97 + c) for c in row) for row in rows] for rows in (first, second)]
    one, other = Ngrams(first, n, 6), Ngrams(second, n, 6)
    assert one.js(other) == pytest.approx(by_brute_force(words[0], words[1], n), abs=1e-12)
    assert one.js(other) == pytest.approx(other.js(one), abs=1e-12)
    assert one.js(one) == 0


def test_disjoint_texts_are_one_bit_apart() -> None:
    found = js_bits(ngrams(codes("abab", "bbaa"), 4), ngrams(codes("cdcd", "ddcc"), 4))
    assert found == pytest.approx({"js1": 1, "js2": 1, "js3": 1, "js4": 1})


def test_a_large_vocabulary_does_not_overflow() -> None:
    high = np.array([[2047, 2046, 2045, 2044]])
    assert Ngrams(high, 4, 2048).keys.tolist() == [
        2047 + 2048 * (2046 + 2048 * (2045 + 2048 * 2044))
    ]


def source(train: list[str], test: list[str]) -> ArraySource:
    splits = {"train": Items(np.array(train)), "test": Items(np.array(test))}
    return ArraySource(Collection("words", splits, kind="text"))


def test_scores_of_lines_have_the_floor_of_held_out_ones() -> None:
    data = source(["ab", "ab", "ba", "bb"], ["ab", "bb"])
    scores = measures_of(data).scores(np.array(["aa", "ab", "aa", "a"]), None, seed=3)
    drawn, fresh = ["aa", "ab", "aa", "a_"], ["ab", "bb"]
    for n in (1, 2):
        score = scores[f"js{n}"]
        corpus = ["ab", "ab", "ba", "bb"]
        assert score.value == pytest.approx(by_brute_force(drawn, corpus, n))
        assert score.floor == pytest.approx(by_brute_force(fresh, corpus, n))
        assert score.protocol.samples == 4
        assert dict(score.protocol.settings) == {"floor_samples": "2", "length": "2"}
    assert scores["known_lines"].value == 0.25
    assert scores["known_lines"].floor == 1
    assert scores["distinct_lines"].value == 0.75


def test_real_lines_of_the_grammar_are_near_the_corpus_and_noise_is_not() -> None:
    data = open_data(DataSettings(source="grammar"))
    measures = measures_of(data)
    scores = measures.scores(data.items("test").x[:640], None, seed=0)
    assert scores["js2"].value < 0.02
    assert scores["known_lines"].value == 1
    letters = np.random.default_rng(0).choice(
        list(data.spec.domain.model_dump()["characters"]), (640, 16)
    )
    noise = measures.scores(np.array(["".join(row) for row in letters]), None, seed=0)
    assert noise["js2"].value > 0.5


def test_a_look_while_training_is_at_the_same_numbers() -> None:
    data = source(["ab", "ab", "ba", "bb"], ["ab", "bb"])
    measures = measures_of(data)
    lines = np.array(["aa", "ab", "aa", "a"])
    probe = measures.probe(data.items("test"))
    scores = measures.scores(lines, None, seed=0)
    seen = probe(data.spec.domain.encode(lines))
    assert 0 < seen.pop("diversity") < 2
    assert {name: score.value for name, score in scores.items()} == pytest.approx(seen)
