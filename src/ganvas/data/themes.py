"""Tagged items with known themes, for systems that tag: made from a formula.

An item is about one theme of three, or about two; its feature vector is near the directions of its
themes, and its tags are words of them. The words of a theme have vectors around a direction of
their own, so that the right answer to every feature vector is known.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from ganvas.data.tagged import Tagged
from ganvas.data.words import Vocabulary, unit

THEMES: Final = ("garden", "sea", "town")
WORDS: Final = 12
"""Of each theme: fewer than the 20 that are counted for a draw. With 20 to 60 the ten most frequent
are all of the theme that has a few more draws, and even a perfect sampler seldom shows both."""
TAGS: Final = 6
"""Of each item."""
FEATURES: Final = 64
DIM: Final = 200
ITEMS: Final = 4000
TWO: Final = 0.3
"""Share of items with two themes."""
NOISE: Final = 0.1
"""Length of the part of a feature vector that says nothing."""
SPREAD: Final = 0.7
"""Length of the part of a word's vector that is its own, beside the theme's of length 1."""
SEED: Final = 2014


@cache
def themes(items: int = ITEMS, seed: int = SEED) -> Tagged:
    """Return items with features, tags, and vectors of the tags; the first are always the same."""
    about = item_themes(items, seed)
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    towards = _orthonormal(FEATURES, rng)[: len(THEMES)]
    words = tuple(f"{theme}{number:02d}" for theme in THEMES for number in range(WORDS))
    own = rng.standard_normal((len(words), DIM)) / np.sqrt(DIM)
    around = _orthonormal(DIM, rng)[: len(THEMES)].repeat(WORDS, axis=0)
    known = Vocabulary(words, (around + SPREAD * own).astype(np.float32))
    rng = np.random.Generator(np.random.PCG64([seed, 2]))
    aside = rng.standard_normal((items, FEATURES)) / np.sqrt(FEATURES)
    features = unit((about @ towards).astype(np.float32)) + NOISE * aside.astype(np.float32)
    rng = np.random.Generator(np.random.PCG64([seed, 3]))
    draws = rng.random((items, TAGS, 2))
    shares = (about / about.sum(axis=1, keepdims=True)).cumsum(axis=1)
    theme = (draws[:, :, :1] >= shares[:, None, :]).sum(axis=2)
    word = theme * WORDS + (draws[:, :, 1] * WORDS).astype(np.int64)
    pairs = np.stack([np.arange(items).repeat(TAGS), word.ravel()], axis=1)
    return Tagged("themes", features, np.unique(pairs, axis=0), known)


def item_themes(
    items: int = ITEMS, seed: int = SEED
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return which themes each item is about, (N, 3)."""
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    draws = rng.random((items, 1 + len(THEMES)))
    rank = draws[:, 1:].argsort(axis=1).argsort(axis=1)
    return rank < np.where(draws[:, :1] < TWO, 2, 1)


def _orthonormal(
    dim: int, rng: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return dim orthonormal rows."""
    return np.linalg.qr(rng.standard_normal((dim, dim)))[0].T
