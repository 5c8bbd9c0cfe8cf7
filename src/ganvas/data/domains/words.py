"""Words, each as a vector that stands near those of words of similar use."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ganvas.config import Settings
from ganvas.data.domain import AnyArray
from ganvas.data.domains.points import Points
from ganvas.data.options import CacheOptions, DataOptions


class WordOptions(CacheOptions):
    """What features with tags can be told.

    Attributes:
        words: an .npz file with ``words`` and their ``vectors``.
        tags: of features in a .npy file: the .csv file with the tags of each row.
        skip_unknown: leave out tags that have no vector, instead of refusing the data.
    """

    owner: ClassVar[str] = "features with tags"
    words: str | None = Field(default=None, min_length=1)
    tags: str | None = Field(default=None, min_length=1)
    skip_unknown: bool = False


class Words(Points):
    """Vectors of words (N, dim): ``network = data / scale``, which keeps their directions."""

    plural: ClassVar[str] = "words"
    named: ClassVar[str] = "vectors"
    Options: ClassVar[type[DataOptions] | None] = WordOptions

    kind: Literal["words"] = "words"  # pyright: ignore[reportIncompatibleVariableOverride]

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of vectors (N, dim), divided by the root of their mean square."""
        scale = float(np.sqrt(np.mean(np.asarray(array, np.float64) ** 2))) or 1.0
        return cls(dim=array.shape[1], shift=[0.0] * array.shape[1], scale=scale)

    def described(self) -> str:
        """Return the number of coordinates in words."""
        return f"words as vectors of {self.dim} numbers"
