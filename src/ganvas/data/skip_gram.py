"""Skip-gram with negative sampling: vectors of words from the company they keep.

Mikolov et al. (2013), "Distributed representations of words and phrases": a word's vector v tells
its neighbours u from noise words n by  log σ(u·v) + Σ_k log σ(−n_k·v),  where noise words come as
often as count^¾. Steps are Adagrad's, one rate for each row, so that rare words move as far as
frequent ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ganvas.config import Settings
from ganvas.data.readers.utf8 import decoded
from ganvas.data.words import Vocabulary
from ganvas.errors import UsageError

Index = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

BATCH: Final = 1024
"""Pairs of neighbours in a step."""
NOISE_POWER: Final = 0.75


class SkipGram(Settings):
    """How words are learnt.

    Attributes:
        dim: numbers of a vector.
        min_count: words that are met less often are dropped.
        window: neighbours up to so many words away on either side.
        negatives: noise words for each pair of neighbours.
        epochs: passes over all pairs.
        rate: Adagrad's.
        seed: of initial vectors, order and noise words.
    """

    dim: int = 200
    min_count: int = 5
    window: int = 5
    negatives: int = 5
    epochs: int = 5
    rate: float = 0.25
    seed: int = 0

    def learn(self, lists: Iterable[Sequence[str]], where: str) -> Vocabulary:
        """Return the words of some lists or lines, and their vectors.

        Args:
            lists: words that stand beside one another, in order.
            where: they come from, for messages.

        Raises:
            UsageError: fewer than two words are left, or none stands beside another.
        """
        told = [list(words) for words in lists]
        counts = Counter(word for words in told for word in words)
        kept = sorted(word for word, count in counts.items() if count >= self.min_count)
        if len(kept) < 2:
            raise UsageError(
                f"{where} has {len(kept)} words that are met {self.min_count} times or more; "
                "skip-gram compares at least 2: give more text, or a smaller --min-count"
            )
        index = {word: at for at, word in enumerate(kept)}
        rows = [np.array([index[w] for w in words if w in index], np.int64) for words in told]
        pairs = neighbours(rows, self.window)
        if not len(pairs):
            raise UsageError(f"{where} has no line with two known words: there is no company")
        often = np.array([counts[word] for word in kept], np.float64) ** NOISE_POWER
        return Vocabulary(tuple(kept), self._trained(pairs, often / often.sum()))

    def _trained(self, pairs: Index, noise: npt.NDArray[np.float64]) -> Float32:
        rng = np.random.default_rng(self.seed)
        size = (len(noise), self.dim)
        v = ((rng.random(size) - 0.5) / self.dim).astype(np.float32)
        u = np.zeros(size, np.float32)
        moved = np.full((2, len(noise), 1), 1e-8, np.float32)
        edges = noise.cumsum()
        for _ in range(self.epochs):
            for some in _batches(pairs[rng.permutation(len(pairs))]):
                words, beside = some.T
                drawn = np.searchsorted(edges, rng.random((len(some), self.negatives)))
                others = np.minimum(drawn, len(noise) - 1)
                toward = np.concatenate([beside[:, None], others], axis=1)  # (B, 1 + negatives)
                slope_v, slope_u = slopes(v[words], u[toward])
                _step(v, moved[0], words, slope_v, self.rate)
                _step(u, moved[1], toward.ravel(), slope_u.reshape(-1, self.dim), self.rate)
        return v


def slopes(v: Float32, u: Float32) -> tuple[Float32, Float32]:
    """Return the slopes of  −log σ(u_0·v) − Σ_k log σ(−u_k·v)  in v (B, dim) and u (B, 1 + K, dim).

    u_0 is the neighbour, the others are noise.
    """
    score = np.einsum("bd,bkd->bk", v, u)
    error = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
    error[:, 0] -= 1
    return np.einsum("bk,bkd->bd", error, u), error[:, :, None] * v[:, None, :]


def neighbours(rows: Iterable[Index], window: int) -> Index:
    """Return all pairs (P, 2) of words up to ``window`` apart in a list, both ways round."""
    found: list[Index] = []
    for words in rows:
        for apart in range(1, min(window, len(words) - 1) + 1):
            left, right = words[:-apart], words[apart:]
            found += [np.stack([left, right], axis=1), np.stack([right, left], axis=1)]
    return np.concatenate(found) if found else np.empty((0, 2), np.int64)


def words_of_lines(path: Path) -> list[list[str]]:
    """Return the words of each line of a text file, in lower case.

    Raises:
        UsageError: a line is not UTF-8.
    """
    return [line.lower().split() for line in decoded(path, path.read_bytes()).splitlines()]


def _step(table: Float32, moved: Float32, rows: Index, slope: Float32, rate: float) -> None:
    """Step some rows of a table, rows that come several times by the sum of their slopes."""
    which, place = np.unique(rows, return_inverse=True)
    total = np.zeros((len(which), table.shape[1]), np.float32)
    np.add.at(total, place, slope)
    moved[which] += (total**2).mean(axis=1, keepdims=True)
    table[which] -= rate * total / np.sqrt(moved[which])


def _batches(pairs: Index) -> Iterator[Index]:
    for start in range(0, len(pairs), BATCH):
        yield pairs[start : start + BATCH]
