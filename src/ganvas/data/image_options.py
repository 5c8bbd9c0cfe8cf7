"""What a data set of images can be told, and the forms that images take."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from PIL import ImageColor
from pydantic import Field, field_validator, model_validator

from ganvas.data.options import CacheOptions

Pixels = Annotated[int, Field(ge=1, le=8192)]
Resize = Literal["none", "stretch", "fit-crop", "pad"]
Channels = Literal["auto", "grey", "rgb", "rgba"]
Colour = tuple[int, int, int]


class ImageOptions(CacheOptions):
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
