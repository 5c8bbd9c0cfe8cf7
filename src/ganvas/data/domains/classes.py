"""One class of several for each record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Draws, Size
from ganvas.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

NAMED = 20
"""How many names a message lists."""


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

    def parse(self, text: str | int) -> AnyArray:
        """Return the class of a name or index.

        Raises:
            UsageError: there is no such class.
        """
        if isinstance(text, str) and text in self.called:
            return np.int64(self.called.index(text))  # pyright: ignore[reportReturnType]
        try:
            index = int(text)
        except ValueError:
            index = -1
        if not 0 <= index < self.count:
            hint = did_you_mean(str(text), self.called)
            raise UsageError(f"there is no class '{text}': {self.advice()}.{hint}")
        return np.int64(index)  # pyright: ignore[reportReturnType]

    def words(self, item: AnyArray) -> str:
        """Return the class's name, or its index."""
        return self.called[int(item)] if self.called else str(int(item))

    def columns(self, name: str, array: AnyArray) -> dict[str, AnyArray]:
        """Return the classes' names, or their indices."""
        return {name: np.array(self.called)[array] if self.called else array}

    def advice(self) -> str:
        """Return which classes there are, in words."""
        names = ", ".join(self.called[:NAMED])
        known = f", or one of {names}" if names else ""
        return f"expected label 0 to {self.count - 1}{known}"
