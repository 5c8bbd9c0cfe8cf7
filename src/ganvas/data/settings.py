"""What a recipe says about its data."""

from __future__ import annotations

from typing import Annotated, Literal

from PIL import ImageColor
from pydantic import Field, field_validator, model_validator

from ganvas.config import Settings

Pixels = Annotated[int, Field(ge=1, le=8192)]
Resize = Literal["none", "stretch", "fit-crop", "pad"]
Channels = Literal["auto", "grey", "rgb", "rgba"]
Colour = tuple[int, int, int]


class AffineSettings(Settings):
    """How `affine_digits` and `affine_mnist` turn and move their digits.

    Attributes:
        degrees: each digit is turned by a whole number of degrees, at most so many either way.
        canvas: edge of the black square that it is pasted on.
        shift: largest distance from the left and from the top; None: whatever fits (12 for digits
            of 28 on 40; the paper's code stops at 11).
    """

    degrees: int = Field(default=20, ge=0, le=180)
    canvas: Pixels = 40
    shift: int | None = Field(default=None, ge=0)


class DataSettings(Settings):
    """Where data comes from and how it is made uniform.

    Attributes:
        source: a law, packaged or standard set, a path, or ``hf:org/name``.
        size: edge of the square images, or [height, width]; None keeps the files' own size.
        resize: how an image of another size gets there. ``none``: it does not, all must fit;
            ``stretch``: both edges scaled alone; ``fit-crop``: scaled to cover, centre cropped;
            ``pad``: scaled down to fit if larger, never enlarged, centred on ``background``.
        channels: colour form of all images; ``auto`` takes it from the files.
        background: colour under transparent pixels (white if None) and around padded images
            (black if None); naming one makes ``auto`` drop the alpha channel.
        mirror: flip each training image left to right with probability one half.
        dequantise: images only: add uniform noise of one grey level to what is trained on.
        labels: serve labels where there are some.
        hold_out: fraction of the items kept out of training as split "test", where the source
            brings no test split of its own. Of a graph: of its links, and half as many more for
            validation.
        skip_broken: leave unreadable files out with a warning instead of refusing the folder.
        bits: how many bits of a channel are used in files of more than 8: white is 2^bits − 1.
            None: the fewest that hold all numbers of the set.
        cache: where a folder or archive of images is kept decoded. ``auto``: small sets in memory,
            others on disk in the user's cache folder; a folder: there; ``memory``; ``none``:
            nowhere, each batch is decoded anew.
        standardise: points: subtract the mean and divide by the root mean variance over the axes;
            None: yes for the user's points, no for laws. A graph's features: divide by their size.
        affine: affine digits only: turns and shifts. None: those of the paper.
    """

    source: str = Field(min_length=1)
    size: Pixels | tuple[Pixels, Pixels] | None = None
    resize: Resize = "none"
    channels: Channels = "auto"
    background: str | None = None
    mirror: bool = False
    dequantise: bool = False
    labels: bool = True
    hold_out: float = Field(default=0.0, ge=0, lt=1)
    skip_broken: bool = False
    bits: int | None = Field(default=None, ge=1, le=32)
    cache: str = Field(default="auto", min_length=1)
    standardise: bool | None = None
    affine: AffineSettings | None = None

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
    def _rule_has_size(self) -> DataSettings:
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

    def image_keys_set(self) -> list[str]:
        """Return the names of the settings given here that only images understand."""
        fields = type(self).model_fields
        keys = (
            *("size", "resize", "channels", "background", "mirror", "dequantise"),
            *("skip_broken", "bits", "cache"),
        )
        return [key for key in keys if getattr(self, key) != fields[key].default]
