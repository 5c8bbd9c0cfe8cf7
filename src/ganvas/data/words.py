"""Words as vectors: a vocabulary, its file, and the words nearest to a vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ganvas.data.arrays import load_arrays, save_arrays
from ganvas.errors import UsageError, did_you_mean
from ganvas.files import misspelt

Float32 = npt.NDArray[np.float32]

WORDS, VECTORS = "words", "vectors"
CELLS: Final = 2**24
"""Cosines that are held at a time."""


@dataclass(frozen=True)
class Vocabulary:
    """V words and a vector for each of them.

    Attributes:
        words: all different.
        vectors: (V, dim) float32, none of them 0.
    """

    words: tuple[str, ...]
    vectors: Float32

    def __len__(self) -> int:
        return len(self.words)

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return self.vectors.shape[1]

    @cached_property
    def index(self) -> dict[str, int]:
        """Where each word stands."""
        return {word: at for at, word in enumerate(self.words)}

    @cached_property
    def directions(self) -> Float32:
        """The vectors at length 1."""
        return unit(self.vectors)

    def find(self, word: str, where: str) -> int:
        """Return where a word stands.

        Raises:
            UsageError: it has no vector; the message says where it was met.
        """
        if word not in self.index:
            hint = did_you_mean(word, self.words[:10_000])
            raise UsageError(
                f"{where}: the word '{word}' has no vector.{hint} Give vectors of all words "
                "(ganvas words), or leave such words out with data.skip_unknown=true"
            )
        return self.index[word]

    def nearest(self, vectors: Float32, count: int) -> tuple[npt.NDArray[np.int64], Float32]:
        """Return the words nearest to vectors (N, dim) by cosine, the nearest first.

        Returns:
            Where they stand, (N, k), and their cosines (N, k), with k = min(count, V).
        """
        k = min(count, len(self))
        found = np.empty((len(vectors), k), np.int64)
        cosines = np.empty((len(vectors), k), np.float32)
        rows = max(CELLS // len(self), 1)
        for start in range(0, len(vectors), rows):
            part = slice(start, start + rows)
            every = unit(vectors[part]) @ self.directions.T
            best = np.argpartition(-every, k - 1, axis=1)[:, :k]
            order = np.argsort(-np.take_along_axis(every, best, 1), axis=1, kind="stable")
            found[part] = np.take_along_axis(best, order, 1)
            cosines[part] = np.take_along_axis(every, found[part], 1)
        return found, cosines


def unit(vectors: Float32) -> Float32:
    """Return vectors (N, dim) at length 1; one of length 0 stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length > 0, length, 1)).astype(np.float32)


def save_words(path: Path, known: Vocabulary) -> None:
    """Write a vocabulary as an .npz file with the arrays "words" and "vectors"."""
    if path.suffix != ".npz":
        raise UsageError(f"Cannot save words as '{path.name}': expected .npz.")
    save_arrays(path, {WORDS: np.array(known.words), VECTORS: known.vectors})


def read_words(path: Path) -> Vocabulary:
    """Read a vocabulary as `save_words` writes it.

    Raises:
        UsageError: there is no such file, or it holds something else.
    """
    if not path.is_file():
        raise UsageError(
            f"data.words={path}: there is no such file; ganvas words makes one{misspelt(path)}"
        )
    arrays = load_arrays(path) if path.suffix == ".npz" else {}
    if WORDS not in arrays or VECTORS not in arrays:
        held = ", ".join(arrays) or "none"
        raise UsageError(
            f"{path} holds no words: expected an .npz file with the arrays '{WORDS}' (V,) and "
            f"'{VECTORS}' (V, dim); its arrays: {held}"
        )
    return vocabulary(str(path), arrays[WORDS], arrays[VECTORS])


def vocabulary(
    where: str, words: npt.NDArray[np.str_], vectors: npt.NDArray[np.floating]
) -> Vocabulary:
    """Return words (V,) and their vectors (V, dim) as a vocabulary.

    Raises:
        UsageError: they differ in number, or are no words with usable vectors.
    """
    if words.ndim != 1 or words.dtype.kind != "U" or vectors.dtype.kind not in "fiu":
        raise UsageError(
            f"{where}: expected names and numbers, found {words.dtype} and {vectors.dtype}"
        )
    if vectors.ndim != 2 or len(vectors) != len(words) or not vectors.size:
        raise UsageError(
            f"{where}: {len(words):,} words and vectors of shape {vectors.shape}; expected one "
            "vector for each word"
        )
    names = [str(word) for word in words]
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise UsageError(f"{where} has the word '{twice}' twice")
    useless = ~np.isfinite(vectors).all(axis=1) | ~(vectors != 0).any(axis=1)
    if useless.any():
        word = names[int(useless.argmax())]
        raise UsageError(f"{where}: the vector of '{word}' is 0, or holds NaN or infinite numbers")
    return Vocabulary(tuple(names), vectors.astype(np.float32))
