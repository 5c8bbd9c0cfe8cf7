"""Skip-gram: slopes, pairs of neighbours, and words of one company that come to be near."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from ganvas.cli.app import run
from ganvas.data.skip_gram import SkipGram, neighbours, slopes, words_of_lines
from ganvas.data.themes import WORDS, themes
from ganvas.data.words import read_words
from ganvas.errors import UsageError


def test_slopes_are_those_of_the_objective() -> None:
    rng = np.random.default_rng(0)
    v, u = rng.standard_normal((4, 3)), rng.standard_normal((4, 6, 3))
    tv, tu = (torch.tensor(x, requires_grad=True) for x in (v, u))
    scores = (tv[:, None] * tu).sum(2)
    loss = -logsigmoid(scores[:, 0]).sum() - logsigmoid(-scores[:, 1:]).sum()
    loss.backward()
    for found, tensor in zip(slopes(v, u), (tv, tu), strict=True):
        assert tensor.grad is not None
        assert found == pytest.approx(tensor.grad.numpy(), abs=1e-9)


def test_neighbours_are_up_to_a_window_apart() -> None:
    pairs = neighbours([np.array([5, 6, 7, 8]), np.array([9])], 2)
    expected = {(5, 6), (6, 7), (7, 8), (5, 7), (6, 8)}
    assert sorted(map(tuple, pairs.tolist())) == sorted(expected | {(b, a) for a, b in expected})
    assert neighbours([np.array([1])], 5).shape == (0, 2)


def test_words_of_one_theme_come_to_point_the_same_way() -> None:
    lists = themes(300).lists()
    known = SkipGram(dim=16).learn(lists, "themes")
    assert len(known) == 3 * WORDS
    assert list(known.words) == sorted(known.words)
    index, _ = known.nearest(known.vectors, WORDS)
    theme = np.arange(3 * WORDS) // WORDS
    assert (theme[index[:, 1:]] == theme[:, None]).mean() > 0.95  # chance: 1/3
    short = SkipGram(dim=4, epochs=1)
    assert (short.learn(lists[:50], "").vectors == short.learn(lists[:50], "").vectors).all()


def test_rare_words_are_dropped_and_nothing_left_is_refused() -> None:
    lists = [["a", "b", "c"], ["a", "b"]]
    assert SkipGram(dim=2, min_count=2).learn(lists, "x").words == ("a", "b")
    with pytest.raises(UsageError, match=r"x has 0 words that are met 9 times or more"):
        SkipGram(min_count=9).learn(lists, "x")
    with pytest.raises(UsageError, match=r"no line with two known words"):
        SkipGram(min_count=1).learn([["a"], ["b"]], "x")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "words.npz"
    text.write_text("Red round\nround red\nblue\n")
    asked = ["--out", str(out), "--dim", "3", "--min-count", "1"]
    assert run(["words", str(text), *asked]) == 0
    assert "3 words as vectors of 3 numbers" in capsys.readouterr().out
    assert read_words(out).words == ("blue", "red", "round")
    text.write_bytes(b"red\nr\xf6t\n")
    with pytest.raises(UsageError, match=r"text.txt, line 2: not UTF-8"):
        words_of_lines(text)
    assert run(["words", str(tmp_path / "no.txt"), *asked]) == 2
    assert "There is no file or folder" in capsys.readouterr().err
