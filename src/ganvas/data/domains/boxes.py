"""Boxes around the objects of each picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Size

if TYPE_CHECKING:
    from torch import Tensor


class Boxes(Domain):
    """A box for each of several objects: int64 (N, objects, 4) in pixels, float32 for networks.

    A box is left, top, right and bottom; right and bottom are the first pixels outside. An object
    that is not there has four zeros. Network units are fractions of the picture's edges.

    Attributes:
        height, width: of the picture, in pixels.
        called: the objects' names, in order.
    """

    plural: ClassVar[str] = "boxes"
    named: ClassVar[str] = "boxes"

    kind: Literal["boxes"] = "boxes"
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    called: list[str] = Field(min_length=1)

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of (N, objects, 4), named by number, in the smallest such picture."""
        _, _, right, bottom = array.reshape(-1, 4).max(axis=0, initial=1)
        called = [str(number) for number in range(array.shape[1])]
        return cls(height=int(bottom), width=int(right), called=called)

    @property
    def shape(self) -> Size:
        """Shape of one picture's boxes."""
        return (len(self.called), 4)

    @property
    def names(self) -> Sequence[str]:
        """The objects' names."""
        return self.called

    def stage(self, array: AnyArray) -> Tensor:
        """Return float32 (N, objects, 4), fractions of the edges."""
        import torch

        return torch.from_numpy((array / self._edges).astype(np.float32))

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return int64 (N, objects, 4) in pixels."""
        fractions = tensor.detach().cpu().double().numpy()
        return np.rint(fractions * self._edges).astype(np.int64)

    def mirrored(self, x: Tensor) -> Tensor:
        """Return the boxes after their picture was flipped; what is not there stays four zeros."""
        flipped = x.clone()
        flipped[..., 0], flipped[..., 2] = 1 - x[..., 2], 1 - x[..., 0]
        return flipped * (x[..., 2:3] > x[..., 0:1])

    def at_size(self, size: Size) -> Self:
        """Return the domain of boxes in a picture of this (height, width)."""
        height, width = size
        return self.model_copy(update={"height": height, "width": width})

    @property
    def _edges(self) -> AnyArray:
        return np.array([self.width, self.height, self.width, self.height], np.float64)
