"""How far texts are apart by the sequences of characters that occur in them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ganvas.metrics.distances import js_divergence

Codes = npt.NDArray[np.int64]
ORDERS = (1, 2, 3, 4)
"""Lengths of the sequences that are compared (Gulrajani et al. 2017)."""


class Ngrams:
    """How often each sequence of n signs occurs in lines of equal length, padding included.

    Args:
        codes: signs (N, length), each from 0 to signs − 1.
        n: at most the length.
        signs: how many there are.
    """

    def __init__(self, codes: Codes, n: int, signs: int) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), n, axis=1)
        weights = signs ** np.arange(n, dtype=np.int64)
        self.keys, self.counts = np.unique(windows @ weights, return_counts=True)

    def js(self, other: Ngrams) -> float:
        """Return their Jensen–Shannon divergence in bits: 0 if alike, 1 if disjoint."""
        keys = np.unique(np.concatenate([self.keys, other.keys]))
        return js_divergence(self._on(keys), other._on(keys)) / math.log(2)

    def _on(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the counts of some sequences."""
        found = np.zeros(len(keys))
        found[np.searchsorted(keys, self.keys)] = self.counts
        return found


def orders(length: int) -> tuple[int, ...]:
    """Return the lengths of sequences that lines of a length have."""
    return tuple(n for n in ORDERS if n <= length)


def ngrams(codes: Codes, signs: int) -> dict[int, Ngrams]:
    """Return the sequences of each length in lines (N, length)."""
    return {n: Ngrams(codes, n, signs) for n in orders(codes.shape[1])}


def js_bits(samples: dict[int, Ngrams], corpus: dict[int, Ngrams]) -> dict[str, float]:
    """Return the divergence of each length, as ``js1`` and so on."""
    return {f"js{n}": found.js(corpus[n]) for n, found in samples.items()}
