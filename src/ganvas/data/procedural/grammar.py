"""Sentences of a small grammar: text of which it is known what is right.

A grammar is a set of rules. A symbol in angle brackets is replaced by one of its alternatives, each
equally likely, until none is left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from ganvas.data.items import Collection, Items
from ganvas.data.laws import REFERENCE_SEED
from ganvas.data.settings import DataSettings

KIND = "text"
SYMBOL = re.compile(r"<(\w+)>")
START = "line"
SIZES = {"train": 10_000, "test": 2_000}


class Grammar:
    """A grammar without recursion: its language is finite.

    Args:
        rules: the alternatives of each symbol; that of a whole line is ``line``.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self.rules = rules

    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """Return so many lines, drawn by the rules."""
        return [self._replaced(START, rng) for _ in range(count)]

    def language(self) -> frozenset[str]:
        """Return all lines that can be drawn."""
        return frozenset(self._all(START))

    def _replaced(self, symbol: str, rng: np.random.Generator) -> str:
        ways = self.rules[symbol]
        way = ways[int(rng.integers(len(ways)))]
        return SYMBOL.sub(lambda found: self._replaced(found[1], rng), way)

    def _all(self, symbol: str) -> set[str]:
        found: set[str] = set()
        for way in self.rules[symbol]:
            parts = SYMBOL.split(way)  # words at even places, symbols at odd ones
            choices = [self._all(p) if i % 2 else {p} for i, p in enumerate(parts)]
            found.update("".join(one) for one in product(*choices))
        return found


SENTENCES = Grammar(
    {
        START: ("<who> <does>", "<who> <did> <whom>"),
        "who": ("<a> <animal>", "we", "she"),
        "a": ("a", "my"),
        "animal": ("cat", "cow", "dog", "fox", "hen", "pig"),
        "does": ("ran", "sat", "sang"),
        "did": ("saw", "fed", "met"),
        "whom": ("a <animal>", "us", "him"),
    }
)
"""English of at most 16 characters: 378 sentences of 19 letters and the space."""


def collection(settings: DataSettings) -> Collection:
    """Return 10,000 sentences to train on and 2,000 held out, always the same ones."""
    del settings
    rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
    splits = {split: Items(np.array(SENTENCES.draw(size, rng))) for split, size in SIZES.items()}
    return Collection("grammar", splits, kind=KIND)
