"""One class of several for each record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Draws, Shares, Size
from ganvas.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

NAMED = 20
"""How many names a message lists."""
MIXED = ":"
"""What stands between a class and its share in a mixture."""


class Classes(Domain):
    """Classes 0 … count − 1 as int64 (N,), in data units and for networks alike.

    Attributes:
        count: how many classes there are.
        called: their names in index order, or nothing.
    """

    plural: ClassVar[str] = "classes"
    named: ClassVar[str] = "labels"
    condition: ClassVar[bool] = True

    kind: Literal["classes"] = "classes"
    count: int = Field(ge=1)
    called: list[str] = Field(default_factory=list[str])

    @model_validator(mode="after")
    def _names_per_class(self) -> Self:
        if self.called and len(self.called) != self.count:
            raise ValueError(f"{len(self.called)} class names for {self.count} classes")
        return self

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of classes (N,), without names."""
        return cls(count=int(array.max(initial=0)) + 1)

    @property
    def shape(self) -> Size:
        """Shape of one class: a plain number."""
        return ()

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return self.count

    @property
    def names(self) -> Sequence[str]:
        """Their names, or nothing."""
        return self.called

    @property
    def numbers(self) -> int:
        """A weight for each class."""
        return self.count

    def vector(self, y: Tensor) -> Tensor:
        """Return classes (N,), or weights (N, count) on them, as weights."""
        from ganvas.nn.labels import one_hot

        return one_hot(y, self.count)

    def mismatch(self, guess: Tensor, y: Tensor) -> Tensor:
        """Return the cross-entropy of class logits with classes (N,), or weights (N, count)."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(guess, y)

    def draw(self, n: int, noise: Draws) -> Tensor:
        """Return n classes, each equally likely."""
        return noise.integers(n, self.count)

    def parse(self, text: str) -> AnyArray:
        """Return what `label` does of a word.

        Raises:
            UsageError: as of `label`.
        """
        return self.label(text)

    def label(self, told: str | int | Shares) -> AnyArray:
        """Return the class of a name or index, or weights (count,) of a mixture.

        Args:
            told: the class, or the shares of several: ``3:1,8:1``, or a mapping.

        Raises:
            UsageError: there is no such class, or shares are no shares.
        """
        if isinstance(told, str) and MIXED in told and told not in self.called:
            told = dict(_share(word.strip(), told) for word in told.split(","))
        if isinstance(told, Mapping):
            return self._mixture(told)
        return np.int64(self._index(told))  # pyright: ignore[reportReturnType]

    def _index(self, text: str | int) -> int:
        if isinstance(text, str) and text in self.called:
            return self.called.index(text)
        try:
            index = int(text)
        except (ValueError, OverflowError):
            index = -1
        whole = isinstance(text, str) or index == text
        if not (whole and 0 <= index < self.count):
            hint = did_you_mean(str(text), [name for name in self.called if not name.isdecimal()])
            raise UsageError(f"there is no class '{text}': {self.advice()}.{hint}")
        return index

    def _mixture(self, shares: Shares) -> AnyArray:
        weights = np.zeros(self.count)
        for name, share in shares.items():
            weights[self._index(name)] += share
        total = weights.sum()
        if not (math.isfinite(total) and total > 0 and min(shares.values()) >= 0):
            told = ",".join(f"{name}{MIXED}{share:g}" for name, share in shares.items())
            raise UsageError(f"'{told}': shares of classes are 0 or more, and not all 0")
        return (weights / total).astype(np.float32)

    def words(self, item: AnyArray) -> str:
        """Return the class's name, or its index; of a mixture those of its classes with shares."""
        if np.ndim(item):
            there = [int(k) for k in np.flatnonzero(item)]
            return ",".join(f"{self._name(k)}{MIXED}{item[k]:g}" for k in there)
        return self._name(int(item))

    def _name(self, index: int) -> str:
        return self.called[index] if self.called else str(index)

    def columns(self, name: str, array: AnyArray) -> dict[str, AnyArray]:
        """Return the classes' names or indices, or mixtures (N, count) in words."""
        if array.ndim > 1:
            return {name: np.array([self.words(row) for row in array])}
        return {name: np.array(self.called)[array] if self.called else array}

    def advice(self) -> str:
        """Return which classes there are, in words."""
        words = [name for name in self.called[:NAMED] if not name.isdecimal()]
        known = f", or one of {', '.join(words)}" if words else ""
        return f"expected label 0 to {self.count - 1}{known}"


def _share(word: str, mixture: str) -> tuple[str, float]:
    """Return a class and its share from a word of a mixture."""
    name, _, share = word.rpartition(MIXED)
    try:
        return name, float(share)
    except ValueError:
        raise UsageError(
            f"'{mixture}' is no mixture of classes: '{word}' is not CLASS{MIXED}SHARE, as in "
            f"3{MIXED}0.5,8{MIXED}0.5"
        ) from None
