"""Images: grey, RGB or RGBA, of any height and width."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from ganvas.config import Settings
from ganvas.data import draw, pixels
from ganvas.data.domain import PLANE, AnyArray, Size
from ganvas.data.image_options import ImageOptions
from ganvas.data.levels import Levels
from ganvas.data.mapped import LazyRows, is_mapped
from ganvas.data.options import DataOptions
from ganvas.errors import UsageError
from ganvas.files import filling

if TYPE_CHECKING:
    from PIL import Image

    from ganvas.data.items import Collection
    from ganvas.data.report import DataReport


class Images(Levels):
    """Pictures, uint8 (N, H, W, C); float32 (N, C, H, W) for networks."""

    plural: ClassVar[str] = "images"
    named: ClassVar[str] = "images"
    array: ClassVar[str] = "uint8 (16, height, width, channels)"
    grid: ClassVar[int] = PLANE
    rows: ClassVar[int] = 8
    Options: ClassVar[type[DataOptions] | None] = ImageOptions

    kind: Literal["images"] = "images"

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

    def at_size(self, size: Size) -> Self:
        """Return the domain of images of this (height, width)."""
        height, width = size
        return self.model_copy(update={"height": height, "width": width})

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
        digits = len(str(max(len(array) - 1, 0)))
        with filling(path):
            for number, image in enumerate(array):
                draw.grid(image[None], enlarge=False).save(path / f"{number:0{digits}d}.png")


def _in_form(images: AnyArray, form: pixels.Form) -> Any:
    """Return uint8 images (N, H, W, C) in a form; of those in a file when they are asked for."""
    if not is_mapped(images):
        return pixels.conform_array(images, form)
    if images.shape[1:] == form.shape and form.channels != "rgba":
        return images
    return LazyRows(images, change=lambda some: pixels.conform_array(some, form), shape=form.shape)
