"""Numbers that belong to each record: measurements, coordinates, times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ganvas.config import Settings
from ganvas.data.columns import summarise
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


class Vector(Domain):
    """Numbers (N, D), each column standardised for networks: ``(data − shift) / scale``.

    Attributes:
        shift, scale: mean and standard deviation of each column; a column of equal numbers has
            scale 1.
        called: the columns' names, or nothing.
    """

    plural: ClassVar[str] = "numbers"
    named: ClassVar[str] = "numbers"
    condition: ClassVar[bool] = True

    kind: Literal["vector"] = "vector"
    shift: list[float] = Field(min_length=1)
    scale: list[float]
    called: list[str] = Field(default_factory=list[str])

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of numbers (N, D)."""
        return cls.around(array)

    @classmethod
    def around(cls, array: AnyArray, called: Sequence[str] = ()) -> Self:
        """Return the domain of numbers (N, D) with the names of their columns, if they have any."""
        found = summarise(array)
        scale = np.where(found.spread > 0, found.spread, 1)
        return cls(shift=found.mean.tolist(), scale=scale.tolist(), called=list(called))

    @property
    def shape(self) -> Size:
        """Shape of one record's numbers."""
        return (len(self.shift),)

    @property
    def names(self) -> Sequence[str]:
        """The columns' names."""
        return self.called

    @property
    def numbers(self) -> int:
        """D."""
        return len(self.shift)

    def stage(self, array: AnyArray) -> Tensor:
        """Return float32 (N, D) in network units."""
        import torch

        moved = (np.asarray(array, np.float64) - np.array(self.shift)) / np.array(self.scale)
        return torch.from_numpy(moved.astype(np.float32))

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return float64 (N, D) in data units."""
        return tensor.detach().cpu().double().numpy() * np.array(self.scale) + np.array(self.shift)

    def vector(self, y: Tensor) -> Tensor:
        """Return the numbers (N, D), which are one already."""
        return y

    def mismatch(self, guess: Tensor, y: Tensor) -> Tensor:
        """Return ½‖y − guess‖²: that of normal numbers with variance 1, but for a constant."""
        return 0.5 * (y - guess).square().sum(1).mean()

    def parse(self, text: str) -> AnyArray:
        """Return numbers with commas between.

        Raises:
            UsageError: there are fewer or more, or one is no number.
        """
        try:
            found = [float(word) for word in str(text).split(",")]
        except ValueError:
            found = []
        if len(found) != len(self.shift) or not np.isfinite(found).all():
            names = f" ({', '.join(self.called)})" if self.called else ""
            many = len(self.shift)
            told = f"{many} numbers{names} with commas between" if many > 1 else f"a number{names}"
            raise UsageError(f"'{text}': expected {told}")
        return np.array(found)

    def columns(self, name: str, array: AnyArray) -> dict[str, AnyArray]:
        """Return a column for each number."""
        if len(self.shift) == 1:
            return {name: array[:, 0]}
        called = self.called or range(len(self.shift))
        return {f"{name}_{which}": column for which, column in zip(called, array.T, strict=True)}

    def words(self, item: AnyArray) -> str:
        """Return the numbers of one record."""
        return ", ".join(f"{number:g}" for number in np.atleast_1d(item))
