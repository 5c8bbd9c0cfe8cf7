"""Images: grey, RGB or RGBA, of any height and width."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from PIL import ImageColor
from pydantic import Field, field_validator, model_validator

from ganvas.config import Settings
from ganvas.data import draw
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.data.options import DataOptions
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ganvas.data.items import Collection

ROWS = 8
CLASS_ROWS = 16
"""Rows of a grid of samples, at most so many where each row is a class."""

Pixels = Annotated[int, Field(ge=1, le=8192)]
Resize = Literal["none", "stretch", "fit-crop", "pad"]
Channels = Literal["auto", "grey", "rgb", "rgba"]
Colour = tuple[int, int, int]


class ImageOptions(DataOptions):
    """What images can be told.

    Attributes:
        size: edge of the square images, or [height, width], or 48x64, height first; None keeps the
            files' own size.
        resize: how an image of another size gets there. ``none``: it does not, all must fit;
            ``stretch``: both edges scaled alone; ``fit-crop``: scaled to cover, centre cropped;
            ``pad``: scaled down to fit if larger, never enlarged, centred on ``background``.
        channels: colour form of all images; ``auto`` takes it from the files.
        background: colour under transparent pixels (white if None) and around padded images
            (black if None); naming one makes ``auto`` drop the alpha channel.
        mirror: flip each training record left to right with probability one half.
        dequantise: add uniform noise of one grey level to what is trained on.
        skip_broken: leave unreadable files out with a warning instead of refusing the folder.
        bits: how many bits of a channel are used in files of more than 8: white is 2^bits − 1.
            None: the fewest that hold all numbers of the set.
        cache: where a folder or archive of images is kept decoded. ``auto``: small sets in memory,
            others on disk in the user's cache folder; a folder: there; ``memory``; ``none``:
            nowhere, each batch is decoded anew.
    """

    owner: ClassVar[str] = "images"
    size: Pixels | tuple[Pixels, Pixels] | None = None
    resize: Resize = "none"
    channels: Channels = "auto"
    background: str | None = None
    mirror: bool = False
    dequantise: bool = False
    skip_broken: bool = False
    bits: int | None = Field(default=None, ge=1, le=32)
    cache: str = Field(default="auto", min_length=1)

    @field_validator("size", mode="before")
    @classmethod
    def _of_words(cls, value: object) -> object:
        """Take a size as it is printed, height x width: 48x64."""
        edges = re.fullmatch(r"(\d{1,4})x(\d{1,4})", value) if isinstance(value, str) else None
        return value if edges is None else tuple(map(int, edges.groups()))

    @field_validator("background")
    @classmethod
    def _is_colour(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ImageColor.getrgb(value)
            except ValueError:
                raise ValueError(
                    f"'{value}' is not a colour; write a name such as 'white' or '#rrggbb'"
                ) from None
        return value

    @model_validator(mode="after")
    def _rule_has_size(self) -> Self:
        if self.resize != "none" and self.size is None:
            raise ValueError(f"resize={self.resize} needs a size, for example size=64")
        return self

    @property
    def height_width(self) -> tuple[int, int] | None:
        """The size asked for as (height, width), or None."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def colour(self) -> Colour | None:
        """The background as (red, green, blue), or None."""
        if self.background is None:
            return None
        red, green, blue, *_ = ImageColor.getrgb(self.background)
        return red, green, blue


class Images(Domain):
    """Pictures: ``network = data / 127.5 − 1``, so that 0 is −1 and 255 is 1."""

    plural: ClassVar[str] = "images"
    named: ClassVar[str] = "images"
    array: ClassVar[str] = "uint8 (16, height, width, channels)"
    condition: ClassVar[bool] = True
    grid: ClassVar[int] = 2
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
        from ganvas.data import pixels

        assert isinstance(settings, ImageOptions)
        _, height, width, channels = collection.splits["train"].x.shape
        size = pixels.choose_size(settings, [(f"{collection.name}, image 0", (height, width))])
        chosen = pixels.choose_channels(settings, grey=channels == 1, alpha=channels == 4)
        form = pixels.Form(size, settings.resize, chosen, settings.colour)
        splits = {
            split: items.replace(**{items.main: pixels.conform_array(items.x, form)})
            for split, items in collection.splits.items()
        }
        return collection.with_splits(splits)

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
        return torch.from_numpy(np.ascontiguousarray(planes))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged levels in network units, float32 (N, C, H, W)."""
        import torch

        return staged.to(torch.float32, copy=True).div_(127.5).sub_(1)

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return images in data units, uint8 (N, H, W, C); values outside [−1, 1] are clipped."""
        import torch

        levels = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)
        return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

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

        from ganvas.data import pixels

        form = pixels.Form((self.height, self.width), "fit-crop", pixels.FORMS[self.channels], None)
        try:
            with Image.open(text) as picture:
                return pixels.conform(picture, form)
        except OSError as error:
            raise UsageError(f"{text} is no picture that can be read: {error}") from None

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a grid of uint8 images (N, H, W, C), so many in a row."""
        return draw.grid(array, columns=columns)

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
        for number, pixels in enumerate(array):
            draw.grid(pixels[None], enlarge=False).save(path / f"{number:0{digits}d}.png")
