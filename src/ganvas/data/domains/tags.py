"""Any number of tags for each record (multi-hot)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

    from ganvas.data.domain import Draws

BETWEEN = ";"
"""What separates the tags of one record."""


class Tags(Domain):
    """Which of several tags a record has: uint8 (N, tags) of 0 and 1, float32 for networks.

    Attributes:
        called: the tags' names, in order.
    """

    plural: ClassVar[str] = "tags"
    named: ClassVar[str] = "tags"
    condition: ClassVar[bool] = True
    several: ClassVar[bool] = True

    kind: Literal["tags"] = "tags"
    called: list[str] = Field(min_length=1)

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of (N, tags), named by number."""
        return cls(called=[str(tag) for tag in range(array.shape[1])])

    @classmethod
    def read(cls, splits: dict[str, list[str]]) -> tuple[dict[str, AnyArray], Self]:
        """Return the arrays and the domain of words such as ``red;round``, alike in every split."""
        rows = {
            split: [{t.strip() for t in word.split(BETWEEN) if t.strip()} for word in words]
            for split, words in splits.items()
        }
        called = sorted({tag for some in rows.values() for tags in some for tag in tags})
        if not called:
            raise UsageError("a column of tags holds none: leave it out, or name some")
        arrays = {
            split: np.array([[tag in tags for tag in called] for tags in some], np.uint8)
            for split, some in rows.items()
        }
        return arrays, cls(called=called)

    @property
    def shape(self) -> Size:
        """Shape of one record's tags."""
        return (len(self.called),)

    @property
    def names(self) -> Sequence[str]:
        """The tags' names."""
        return self.called

    @property
    def numbers(self) -> int:
        """One for each tag."""
        return len(self.called)

    def draw(self, n: int, noise: Draws) -> Tensor:
        """Return n records' tags (n, tags), one for each record, any of them equally often."""
        from torch.nn.functional import one_hot

        return one_hot(noise.integers(n, high=len(self.called)), len(self.called)).float()

    def normalise(self, staged: Tensor) -> Tensor:
        """Return float32 (N, tags)."""
        return staged.float()

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return uint8 (N, tags)."""
        return (tensor.detach().cpu().numpy() >= 0.5).astype(np.uint8)

    def vector(self, y: Tensor) -> Tensor:
        """Return the tags (N, tags), which are one already."""
        return y

    def mismatch(self, guess: Tensor, y: Tensor) -> Tensor:
        """Return the sum over tags of the cross-entropy of each one's logit."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(guess, y, reduction="none").sum(1).mean()

    def parse(self, text: str) -> AnyArray:
        """Return the tags of words such as ``red;round``; an empty word means none of them.

        Raises:
            UsageError: there is no such tag.
        """
        wanted = [tag.strip() for tag in text.split(BETWEEN) if tag.strip()]
        for tag in wanted:
            if tag not in self.called:
                raise UsageError(
                    f"there is no tag '{tag}': expected some of {', '.join(self.called[:20])}, "
                    f"with '{BETWEEN}' between.{did_you_mean(tag, self.called)}"
                )
        return np.array([tag in wanted for tag in self.called], np.uint8)

    def columns(self, name: str, array: AnyArray) -> dict[str, AnyArray]:
        """Return the names of each record's tags, with ``;`` between; empty where it has none."""
        tags = np.array(self.called)
        return {name: np.array([BETWEEN.join(tags[row > 0].tolist()) for row in array])}

    def words(self, item: AnyArray) -> str:
        """Return the names of one record's tags."""
        return (
            BETWEEN.join(n for n, there in zip(self.called, item, strict=True) if there) or "none"
        )
