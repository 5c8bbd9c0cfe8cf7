"""Images: grey, RGB or RGBA, of any height and width."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator

from ganvas.config import Settings
from ganvas.data import draw, pixels
from ganvas.data.domain import PLANE, AnyArray, Domain, Size
from ganvas.data.image_options import ImageOptions
from ganvas.data.mapped import LazyRows, is_mapped
from ganvas.data.options import DataOptions
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ganvas.data.check import DataReport
    from ganvas.data.items import Collection

ROWS = 8
CLASS_ROWS = 16
"""Rows of a grid of samples, at most so many where each row is a class."""


class Images(Domain):
    """Pictures: ``network = data / 127.5 − 1``, so that 0 is −1 and 255 is 1."""

    plural: ClassVar[str] = "images"
    named: ClassVar[str] = "images"
    array: ClassVar[str] = "uint8 (16, height, width, channels)"
    condition: ClassVar[bool] = True
    grid: ClassVar[int] = PLANE
    Options: ClassVar[type[DataOptions] | None] = ImageOptions

    kind: Literal["images"] = "images"
    channels: int
    height: int = Field(ge=1)
    width: int = Field(ge=1)

    @field_validator("channels")
    @classmethod
    def _has_colours(cls, value: int) -> int:
        if value not in (1, 3, 4):
            raise ValueError(f"images have 1 (grey), 3 (RGB) or 4 (RGBA) channels, not {value}")
        return value

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of uint8 images (N, H, W, C)."""
        _, height, width, channels = array.shape
        return cls(channels=channels, height=height, width=width)

    @classmethod
    def conformed(cls, collection: Collection, settings: Settings) -> Collection:
        """Return the set with its images in the size and channels asked for.

        Raises:
            UsageError: the images have another size and no rule says how they get there.
        """
        assert isinstance(settings, ImageOptions)
        _, height, width, channels = collection.splits["train"].x.shape
        size = pixels.choose_size(settings, [(f"{collection.name}, image 0", (height, width))])
        chosen = pixels.choose_channels(settings, grey=channels == 1, alpha=channels == 4)
        form = pixels.Form(size, settings.resize, chosen, settings.colour)
        splits = {
            split: items.replace(**{items.main: _in_form(items.x, form)})
            for split, items in collection.splits.items()
        }
        return collection.with_splits(splits)

    @classmethod
    def describe(cls, collection: Collection, report: DataReport) -> None:
        """Enter the one size and colour form of all images."""
        _, height, width, channels = collection.splits["train"].x.shape
        total = sum(map(len, collection.splits.values()))
        report.sizes = {pixels.show((height, width)): total}
        report.channels = {pixels.FORMS[channels]: total}

    def described(self) -> str:
        """Return size and channels in words."""
        return f"images of {self.height} × {self.width}, {self.channels} channels"

    @property
    def shape(self) -> Size:
        """Shape of one image in network units: (channels, height, width)."""
        return (self.channels, self.height, self.width)

    @property
    def array_shape(self) -> Size:
        """Shape of one image in data units: (height, width, channels)."""
        return (self.height, self.width, self.channels)

    def check(self, array: AnyArray) -> None:
        """Refuse an array that holds no images of this shape, or no levels from 0 to 255.

        Raises:
            UsageError: it does not.
        """
        super().check(array)
        whole = array.dtype.kind in "iu"
        if array.dtype != np.uint8 and not (
            whole and array.min(initial=0) >= 0 and array.max(initial=0) <= 255
        ):
            raise UsageError(
                f"expected images as whole numbers 0 to 255, got {array.dtype}; values in [0, 1] "
                "become such with (255 * x).round().astype(np.uint8)"
            )

    def laid_out(self, array: AnyArray) -> AnyArray:
        """Return images (N, H, W, C) that lie plane by plane, without a copy if they do already."""
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 1)), 1, -1)

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps: uint8 (N, C, H, W).

        No copy is made of an array whose memory has that order already.
        """
        import torch

        planes = np.moveaxis(np.asarray(array, np.uint8), -1, 1)
        return torch.from_numpy(np.require(planes, requirements=["C", "W"]))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged levels in network units, float32 (N, C, H, W)."""
        import torch

        return staged.to(torch.float32, copy=True).div_(127.5).sub_(1)

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return images in data units, uint8 (N, H, W, C); values outside [−1, 1] are clipped."""
        import torch

        levels = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)
        return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    @property
    def planes(self) -> int:
        """One for each channel."""
        return self.channels

    def vector(self, y: Tensor) -> Tensor:
        """Return all pixels in a row, (N, C·H·W)."""
        return y.flatten(1)

    def mismatch(self, guess: Tensor, y: Tensor) -> Tensor:
        """Return ½‖y − guess‖² over all pixels: normal with variance 1, but for a constant."""
        return 0.5 * (y.flatten(1) - guess).square().sum(1).mean()

    def mirrored(self, x: Tensor) -> Tensor:
        """Return the images flipped left to right."""
        return x.flip(-1)

    def resized(self, x: Tensor, size: Size) -> Tensor:
        """Return images (N, C, H, W) at a smaller (height, width): each pixel a mean of those."""
        import torch.nn.functional as F

        if tuple(x.shape[-2:]) == tuple(size):
            return x
        return F.interpolate(x, size=list(size), mode="area")

    def at_size(self, size: Size) -> Self:
        """Return the domain of images of this (height, width)."""
        height, width = size
        return self.model_copy(update={"height": height, "width": width})

    def packed(self, count: int) -> Self:
        """Return the domain of so many images joined along their channels."""
        return self.model_copy(update={"channels": self.channels * count})

    def parse(self, text: str) -> AnyArray:
        """Return the picture in a file in this size and these channels.

        Raises:
            UsageError: the file cannot be read.
        """
        from PIL import Image

        form = pixels.Form((self.height, self.width), "fit-crop", pixels.FORMS[self.channels], None)
        try:
            with Image.open(text) as picture:
                return pixels.conform(picture, form)
        except OSError as error:
            raise UsageError(f"{text} is no picture that can be read: {error}") from None

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a grid of uint8 images (N, H, W, C), so many in a row."""
        return draw.grid(array, columns=columns)

    def pictures(self, array: AnyArray) -> AnyArray:
        """Return the images themselves."""
        return array

    def sheet(self, classes: int) -> tuple[int, int]:
        """Return 8 rows, or one for each of up to 16 classes, and columns that make it square."""
        rows = min(classes, CLASS_ROWS) or ROWS
        # So many columns make the grid that `picture` lays out have these rows.
        return rows, math.ceil(rows * self.height / self.width)

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save uint8 images (N, H, W, C).

        The path says how: .npy, .npz (array "images"), one grid as .png, .jpg or .webp with so many
        columns, or, without a suffix, a folder of numbered .png files.

        Raises:
            UsageError: the suffix is none of these, or the folder holds files already.
        """
        if path.suffix:
            self._save(array, path, columns, (".png", ".jpg", ".jpeg", ".webp"))
            return
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"{path} holds files already; give a new or empty folder.")
        path.mkdir(parents=True, exist_ok=True)
        digits = len(str(max(len(array) - 1, 0)))
        for number, image in enumerate(array):
            draw.grid(image[None], enlarge=False).save(path / f"{number:0{digits}d}.png")


def _in_form(images: AnyArray, form: pixels.Form) -> Any:
    """Return uint8 images (N, H, W, C) in a form; of those in a file when they are asked for."""
    if not is_mapped(images):
        return pixels.conform_array(images, form)
    if images.shape[1:] == form.shape and form.channels != "rgba":
        return images
    return LazyRows(images, change=lambda some: pixels.conform_array(some, form), shape=form.shape)
