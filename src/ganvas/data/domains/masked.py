"""Images of which a part is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from ganvas.data import draw, pixels
from ganvas.data.domain import AnyArray, Domain
from ganvas.data.domains.images import Images
from ganvas.data.options import DataOptions
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

GREY = 128
"""The level of what is hidden: about 0 for networks."""


class MaskedImages(Images):
    """Grey or RGB images with one channel more: 255 where they are known, 0 where hidden.

    What is hidden is grey. Files of them are pictures with transparent holes.
    """

    plural: ClassVar[str] = "images with hidden parts"
    named: ClassVar[str] = "masked"
    Options: ClassVar[type[DataOptions] | None] = None

    kind: Literal["masked"] = "masked"  # pyright: ignore[reportIncompatibleVariableOverride]

    @field_validator("channels")
    @classmethod
    def _has_colours(cls, value: int) -> int:
        if value not in (2, 4):
            raise ValueError(f"grey or RGB and one channel more are 2 or 4, not {value}")
        return value

    @property
    def as_read(self) -> Domain:
        """Pictures with an alpha channel."""
        return Images(channels=4, height=self.height, width=self.width)

    def taken(self, array: AnyArray) -> AnyArray:
        """Return RGBA pictures as images that are hidden where these are transparent."""
        known = array[..., 3:] >= GREY
        colours = array[..., :3]
        if self.channels == 2:
            grey = pixels.Form((self.height, self.width), "none", "grey", None)
            colours = pixels.conform_array(colours, grey)
        return np.concatenate([np.where(known, colours, GREY), known * 255], -1).astype(np.uint8)

    def parse(self, text: str) -> AnyArray:
        """Return the picture in a file, hidden where it is transparent.

        Raises:
            UsageError: the file cannot be read, or nothing of it is transparent.
        """
        found = self.taken(self.as_read.parse(text)[None])[0]
        if found[..., -1].all():
            raise UsageError(f"{text} has no transparent part that could be filled in")
        return found

    def kept(self, x: Tensor, y: Tensor) -> Tensor:
        """Return images (N, C, H, W) with the pixels that are known put back."""
        import torch

        return torch.where(y[:, -1:] > 0, y[:, :-1], x.to(y.dtype))

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a grid of the images, grey where they are hidden."""
        return draw.grid(array[..., :-1], columns=columns)
