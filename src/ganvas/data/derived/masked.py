"""A copy of an image with a part hidden: what inpainting is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from ganvas.data.derived import Derivation
from ganvas.data.domain import PLANE, AnyArray, Domain
from ganvas.data.domains.masked import MaskedImages
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


class Hidden(Derivation):
    """A rectangle of each image is hidden, at a random place.

    Attributes:
        side: its height and width as a share of the image's: a number, or the least and the most,
            between which each is drawn anew.
    """

    chances: ClassVar[int] = 4

    kind: Literal["masked"] = "masked"
    side: tuple[float, float] = Field(default=(0.5, 0.5))

    @field_validator("side", mode="before")
    @classmethod
    def _of_number(cls, value: object) -> object:
        return (value, value) if isinstance(value, int | float) else value

    @field_validator("side")
    @classmethod
    def _is_a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1] <= 1:
            raise ValueError("a side is a share above 0 and at most 1, or two of them, least first")
        return value

    def domain(self, of: Domain) -> Domain:
        """Return images with a plane that says which pixels are known.

        Raises:
            UsageError: items are no images, or have an alpha channel of their own.
        """
        if of.grid != PLANE or of.planes not in (1, 3):
            what = of.plural if of.grid != PLANE else "images with an alpha channel"
            raise UsageError(f"data.derive: a part of grey or RGB images can be hidden, not {what}")
        channels, height, width = of.shape
        return MaskedImages(channels=channels + 1, height=height, width=width)

    def work_out(self, x: Tensor, chances: Tensor) -> Tensor:
        """Return images, 0 where they are hidden, and 1 or −1: known or not, (N, C + 1, H, W)."""
        import torch

        low, high = self.side
        known = torch.ones_like(x[:, :1], dtype=torch.bool)
        for axis, (size, place) in enumerate(((0, 1), (2, 3)), start=2):
            length = x.shape[axis]
            sides = ((low + (high - low) * chances[:, size]) * length).round().clamp(1, length)
            starts = (chances[:, place] * (length - sides + 1)).floor()
            at = torch.arange(length, device=x.device)
            inside = (at >= starts[:, None]) & (at < (starts + sides)[:, None])
            shape = [len(x), 1, 1, 1]
            shape[axis] = length
            known = known & inside.view(shape)
        return _hidden(x, ~known)

    def alike(self, x: Tensor, field: Tensor) -> Tensor:
        """Return images hidden where others are."""
        return _hidden(x, field[:, -1:] > 0)

    def shown(self, field: AnyArray, of: Domain) -> AnyArray:
        """Return the images, grey where they are hidden."""
        return field[..., :-1]

    def restored(self, made: AnyArray, field: AnyArray) -> AnyArray:
        """Return images with the pixels that are known put back."""
        return np.where(field[..., -1:] > 127, field[..., :-1], made)


def _hidden(x: Tensor, known: Tensor) -> Tensor:
    """Return images (N, C, H, W) and where they are known, (N, 1, H, W) bool, as one field."""
    import torch

    return torch.cat([x * known, known.to(x.dtype) * 2 - 1], dim=1)
