"""What images and clips share: levels of channels, last in data units and first for networks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field, field_validator

from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

CLASS_ROWS = 16
"""Rows of a picture of samples, at most so many where each row is a class."""


class Levels(Domain):
    """Grey, RGB or RGBA pixels: ``network = data / 127.5 − 1``, so that 0 is −1 and 255 is 1.

    Items are uint8 (N, …, H, W, C) in data units, and float32 (N, C, …, H, W) for networks.

    Attributes:
        rows: of a picture of samples without classes.
    """

    condition: ClassVar[bool] = True
    rows: ClassVar[int]

    channels: int
    height: int = Field(ge=1)
    width: int = Field(ge=1)

    @field_validator("channels")
    @classmethod
    def _has_colours(cls, value: int) -> int:
        if value not in (1, 3, 4):
            raise ValueError(
                f"{cls.plural} have 1 (grey), 3 (RGB) or 4 (RGBA) channels, not {value}"
            )
        return value

    def check(self, array: AnyArray) -> None:
        """Refuse an array that holds no items of this shape, or no levels from 0 to 255.

        Raises:
            UsageError: it does not.
        """
        super().check(array)
        whole = array.dtype.kind in "iu"
        if array.dtype != np.uint8 and not (
            whole and array.min(initial=0) >= 0 and array.max(initial=0) <= 255
        ):
            raise UsageError(
                f"expected {self.plural} as whole numbers 0 to 255, got {array.dtype}; values in "
                "[0, 1] become such with (255 * x).round().astype(np.uint8)"
            )

    def laid_out(self, array: AnyArray) -> AnyArray:
        """Return items that lie plane by plane, without a copy if they do already."""
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 1)), 1, -1)

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps: uint8 (N, C, …, H, W).

        No copy is made of an array whose memory has that order already.
        """
        import torch

        planes = np.moveaxis(np.asarray(array, np.uint8), -1, 1)
        return torch.from_numpy(np.require(planes, requirements=["C", "W"]))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged levels in network units, float32 of the same shape."""
        import torch

        return staged.to(torch.float32, copy=True).div_(127.5).sub_(1)

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return items in data units, uint8 (N, …, H, W, C); values outside [−1, 1] are clipped."""
        import torch

        levels = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)
        return levels.to(torch.uint8).movedim(1, -1).contiguous().cpu().numpy()

    @property
    def planes(self) -> int:
        """One for each channel."""
        return self.channels

    def vector(self, y: Tensor) -> Tensor:
        """Return all pixels in a row, (N, numbers)."""
        return y.flatten(1)

    def mismatch(self, guess: Tensor, y: Tensor) -> Tensor:
        """Return ½‖y − guess‖² over all pixels: normal with variance 1, but for a constant."""
        return 0.5 * (y.flatten(1) - guess).square().sum(1).mean()

    def mirrored(self, x: Tensor) -> Tensor:
        """Return the items flipped left to right."""
        return x.flip(-1)

    def resized(self, x: Tensor, size: Size) -> Tensor:
        """Return items (N, C, …, H, W) at a smaller size, each pixel a mean of those.

        Args:
            x: the items; of clips single frames (N, C, H, W), too.
            size: of the last dimensions; others stay as they are.
        """
        import torch.nn.functional as F

        wanted = [*x.shape[2 : x.dim() - len(size)], *size]
        return x if list(x.shape[2:]) == wanted else F.interpolate(x, size=wanted, mode="area")

    def packed(self, count: int) -> Self:
        """Return the domain of so many items joined along their channels."""
        return self.model_copy(update={"channels": self.channels * count})

    def sheet(self, classes: int) -> tuple[int, int]:
        """Return rows, one for each of up to 16 classes, and columns that make a picture square."""
        rows = min(classes, CLASS_ROWS) or self.rows
        return rows, math.ceil(rows * self.height / self.width)
