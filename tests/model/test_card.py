"""The model card shows the words of other people as they are, and nothing in them acts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganvas.data.domains.points import Points
from ganvas.data.spec import spec_of
from ganvas.games.gan import GAN
from ganvas.model import Provenance, save_model
from ganvas.model.card import plain
from ganvas.play import build
from tests.model.conftest import MLPS, POINTS

EVIL = [
    "<script>alert(1)</script>",
    "[click](https://evil.example)",
    "![](https://evil.example/pixel.png)",
    "a | b",
    "first\n# second",
    "`code`",
    "https://evil.example",
    "www.evil.example",
    "a@evil.example",
    "&lt;b&gt;",
    "$x$",
    "*a* _b_",
    "\x1b[31mred",
]


def card_of(folder: Path, words: str, data: str) -> str:
    """Save a model of which everything is called by these words; return its card."""
    spec = POINTS.model_copy(update={"name": words})
    made = Provenance(recipe=words, about=words, data=data, licence=words, scores={words: 1.0})
    save_model(folder, build(GAN, MLPS, spec, seed=0), made)
    return (folder / "README.md").read_text("utf-8").split("---\n", 2)[2]


@pytest.mark.parametrize("words", EVIL)
def test_nothing_in_a_name_acts(tmp_path: Path, words: str) -> None:
    harmless = card_of(tmp_path, "a b", "x")
    for card in (card_of(tmp_path, words, words), card_of(tmp_path, words, "")):
        assert words not in card
        # The card's own marks apart, every mark of Markdown or HTML has a backslash before it.
        for mark in "<>[]|`$&*@!":
            assert card.count(mark) - card.count(f"\\{mark}") == harmless.count(mark), mark
        assert "://" not in card.replace("\\://", "")
        assert "\x1b" not in card


@pytest.mark.parametrize(
    "words",
    [
        "r3gan/ring8",
        "digits_stack",
        "wgan-gp",
        "My cats, larger batches.",
        "cc-by-sa-3.0",
        "é ü 猫",
    ],
)
def test_usual_names_stay_as_they_are(words: str) -> None:
    assert plain(words) == words


def test_long_names_are_cut() -> None:
    assert len(plain("x" * 10_000)) < 400


def test_the_snippet_of_a_model_with_classes_gives_one(tmp_path: Path) -> None:
    config = MLPS.model_copy(update={"conditional": True})
    spec = spec_of(name="ring", domain=Points(dim=2, shift=[0, 0], scale=1), classes=3)
    save_model(tmp_path, build(GAN, config, spec, seed=0))
    assert json.loads((tmp_path / "config.json").read_text())["game"]["conditional"]
    assert "scores = model.score(x, label=0)" in (tmp_path / "README.md").read_text()
