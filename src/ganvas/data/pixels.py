"""One picture at a time: colour form and size rules, from any Pillow image to uint8 (H, W, C)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from ganvas.data import deep
from ganvas.data.image_options import Colour, ImageOptions, Resize
from ganvas.errors import DataError

Array8 = npt.NDArray[np.uint8]
Size = tuple[int, int]
"""(height, width)"""
ColourForm = Literal["grey", "rgb", "rgba"]

MODES: dict[ColourForm, str] = {"grey": "L", "rgb": "RGB", "rgba": "RGBA"}
CHANNELS: dict[ColourForm, int] = {"grey": 1, "rgb": 3, "rgba": 4}
FORMS: dict[int, ColourForm] = {count: form for form, count in CHANNELS.items()}
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True)
class Form:
    """The one form that every image of a data set takes.

    Attributes:
        size: height and width.
        resize: how an image of another size gets there.
        channels: the colour form.
        background: the colour behind transparent pixels and around padded images, or None.
        top: the number that is white in files of more than 8 bits; None: each image's own.
    """

    size: Size
    resize: Resize
    channels: ColourForm
    background: Colour | None
    top: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: (height, width, channels)."""
        return (*self.size, CHANNELS[self.channels])


def is_grey(image: Image.Image) -> bool:
    """Tell whether the file stores grey values only."""
    return image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I")


def is_transparent(image: Image.Image) -> bool:
    """Tell whether the file stores an alpha channel or a transparent colour."""
    return image.has_transparency_data


def choose_channels(settings: ImageOptions, grey: bool, alpha: bool) -> ColourForm:
    """Return the colour form of a data set.

    Args:
        settings: ``channels`` decides unless it is ``auto``.
        grey: whether every image is grey.
        alpha: whether every image has an alpha channel worth keeping.
    """
    if settings.channels != "auto":
        return settings.channels
    if alpha and settings.background is None:
        return "rgba"
    return "grey" if grey else "rgb"


def choose_size(settings: ImageOptions, sizes: Iterable[tuple[str, Size]]) -> Size:
    """Return the one size of a data set.

    Args:
        settings: size and resize rule.
        sizes: name and size of each image.

    Raises:
        UsageError: sizes differ, or differ from the size asked for, and no rule says what to do.
    """
    first: dict[Size, str] = {}
    for name, size in sizes:
        first.setdefault(size, name)
    wanted = settings.height_width
    if wanted is not None and (settings.resize != "none" or set(first) == {wanted}):
        return wanted
    if wanted is not None:
        name, size = next((name, size) for size, name in first.items() if size != wanted)
        raise DataError(
            f"data.size asks for {show(wanted)} images, but {name} is {show(size)}.",
            "Choose how it gets there with data.resize=stretch, fit-crop or pad.",
        )
    if len(first) == 1:
        return next(iter(first))
    (one, name), (other, other_name) = list(first.items())[:2]
    edge = suggested_edge(first)
    raise DataError(
        f"The images differ in size: {name} is {show(one)}, {other_name} is {show(other)} "
        f"({len(first)} sizes in all).",
        f"Say how they become one: data.size={edge} data.resize=fit-crop (or stretch, or pad).",
    )


def suggested_edge(sizes: Iterable[Size]) -> int:
    """Return a square edge that suits images of these sizes: a power of two, nothing enlarged."""
    shortest = sorted(min(size) for size in sizes)
    middle = shortest[len(shortest) // 2]
    return 2 ** (max(middle, 1).bit_length() - 1)


def show(size: Size) -> str:
    """Return the size as people write it: ``48x64`` is 48 high, 64 wide."""
    return f"{size[0]}x{size[1]}"


def size_counts(sizes: Iterable[Size]) -> dict[str, int]:
    """Return how many images have each size, most frequent first."""
    return {show(size): count for size, count in Counter(sizes).most_common()}


def conform(image: Image.Image, form: Form) -> Array8:
    """Return the image in the data set's form, uint8 (height, width, channels).

    It is turned upright first, as its file says.
    """
    turn = orientation(image)
    image = _eight_bit(image, form.top)
    if turn != 1:
        image.getexif()[ExifTags.Base.Orientation] = turn
        image = ImageOps.exif_transpose(image)
    image = _in_channels(image, form)
    if (image.height, image.width) != form.size:
        image = _in_size(image, form)
    pixels = np.asarray(image, dtype=np.uint8)
    return _cleared(pixels[:, :, None] if pixels.ndim == 2 else pixels)


def orientation(image: Image.Image) -> int:
    """Return how a photograph lies, as its file says: 1 upright, 5 to 8 on a side.

    Of a PNG only what comes before its pixels counts: Pillow would decode them to look further.
    """
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def conform_array(images: Array8, form: Form) -> Array8:
    """Return uint8 images (N, H, W, C) in the data set's form."""
    if images.shape[1:] == form.shape:
        return _cleared(images)
    conformed = np.empty((len(images), *form.shape), dtype=np.uint8)
    for pixels, target in zip(images, conformed, strict=True):
        target[...] = conform(from_pixels(pixels), form)
    return conformed


def from_pixels(pixels: Array8) -> Image.Image:
    """Return one uint8 (H, W, C) array with 1, 3 or 4 channels as a Pillow image."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _in_channels(image: Image.Image, form: Form) -> Image.Image:
    mode = MODES[form.channels]
    if form.channels != "rgba" and is_transparent(image):
        layer = image.convert("RGBA")
        image = Image.new("RGBA", image.size, (*(form.background or WHITE), 255))
        image.alpha_composite(layer)
    return image if image.mode == mode else image.convert(mode)


def _eight_bit(image: Image.Image, top: float | None) -> Image.Image:
    """Bring files of more bits to 8; Pillow's own conversion would clip them to white."""
    if not deep.is_deep(image):
        return image
    fractions = image.mode == "F"
    levels = deep.levels(image)
    return deep.shallow(levels, top or deep.top(deep.largest(levels), not fractions))


def _cleared(images: Array8) -> Array8:
    """Return images (..., H, W, C) with black under alpha 0: nobody chose the colours there."""
    if images.shape[-1] != 4 or (images[..., 3] > 0).all():
        return images
    return np.where(images[..., 3:] > 0, images, np.uint8(0))


def _in_size(image: Image.Image, form: Form) -> Image.Image:
    height, width = form.size
    if form.resize == "stretch":
        return image.resize((width, height), Image.Resampling.LANCZOS)
    if form.resize == "fit-crop":
        return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    scale = min(height / image.height, width / image.width)
    if scale < 1:
        inner = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        image = image.resize(inner, Image.Resampling.LANCZOS)
    opaque = form.background is not None
    around = Image.new("RGBA", (width, height), (*(form.background or BLACK), 255 * opaque))
    canvas = around.convert(image.mode)
    canvas.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return canvas
