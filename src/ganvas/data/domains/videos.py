"""Clips: grey, RGB or RGBA frames of one size, so many of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal, Self, cast

import numpy as np
from pydantic import Field, field_validator

from ganvas.config import Settings
from ganvas.data import draw, pixels
from ganvas.data.animation import animated
from ganvas.data.domain import AnyArray, Domain, Preview, Size
from ganvas.data.domains.images import Images
from ganvas.data.mapped import LazyRows, is_mapped
from ganvas.data.options import DataOptions
from ganvas.data.video_options import VideoOptions
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ganvas.data.check import DataReport
    from ganvas.data.items import Collection

ROWS = 4
CLASS_ROWS = 16
"""Rows of moving samples, at most so many where each row is a class."""


class Videos(Domain):
    """Clips: ``network = data / 127.5 − 1`` as of images; (N, T, H, W, C) is (N, C, T, H, W) there.

    Attributes:
        frames: of a clip.
        rate: how many of them people see in a second.
        any_length: other clips may have another number of frames.
    """

    plural: ClassVar[str] = "videos"
    named: ClassVar[str] = "videos"
    array: ClassVar[str] = "uint8 (16, frames, height, width, channels)"
    condition: ClassVar[bool] = True
    grid: ClassVar[int] = 3
    Options: ClassVar[type[DataOptions] | None] = VideoOptions

    kind: Literal["videos"] = "videos"
    channels: int
    frames: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    rate: float = Field(default=8.0, gt=0)
    any_length: bool = Field(default=False, exclude=True)

    @field_validator("channels")
    @classmethod
    def _has_colours(cls, value: int) -> int:
        if value not in (1, 3, 4):
            raise ValueError(f"videos have 1 (grey), 3 (RGB) or 4 (RGBA) channels, not {value}")
        return value

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of uint8 clips (N, T, H, W, C)."""
        _, frames, height, width, channels = array.shape
        return cls(channels=channels, frames=frames, height=height, width=width)

    @classmethod
    def conformed(cls, collection: Collection, settings: Settings) -> Collection:
        """Return the set with its frames in the size and channels asked for.

        Raises:
            UsageError: they have another size and no rule says how they get there, or the clips
                have another length.
        """
        assert isinstance(settings, VideoOptions)
        _, frames, height, width, channels = collection.splits["train"].x.shape
        size = pixels.choose_size(settings, [(f"{collection.name}, clip 0", (height, width))])
        chosen = pixels.choose_channels(settings, grey=channels == 1, alpha=channels == 4)
        form = pixels.Form(size, settings.resize, chosen, settings.colour)
        if settings.frames not in (None, frames):
            raise UsageError(
                f"{collection.name} holds clips of {frames} frames, not of {settings.frames}, as "
                "data.frames asks for."
            )
        splits = {
            split: items.replace(**{items.main: _in_form(items.x, form)})
            for split, items in collection.splits.items()
        }
        return collection.with_splits(splits)

    @classmethod
    def describe(cls, collection: Collection, report: DataReport) -> None:
        """Enter how long, how large and of which colours all clips are."""
        _, frames, height, width, channels = collection.splits["train"].x.shape
        total = sum(map(len, collection.splits.values()))
        report.facts.append(f"clips of {frames} frames")
        report.sizes = {pixels.show((height, width)): total}
        report.channels = {pixels.FORMS[channels]: total}

    def described(self) -> str:
        """Return length, size and channels in words."""
        return (
            f"clips of {self.frames} frames of {self.height} × {self.width}, "
            f"{self.channels} channels"
        )

    @property
    def image(self) -> Images:
        """The domain of a single frame."""
        return Images(channels=self.channels, height=self.height, width=self.width)

    @property
    def shape(self) -> Size:
        """Shape of one clip in network units: (channels, frames, height, width)."""
        return (self.channels, self.frames, self.height, self.width)

    @property
    def array_shape(self) -> Size:
        """Shape of one clip in data units: (frames, height, width, channels)."""
        return (self.frames, self.height, self.width, self.channels)

    @property
    def moments(self) -> int:
        """How many frames a clip has."""
        return self.frames

    def check(self, array: AnyArray) -> None:
        """Refuse an array that holds no clips of this shape, or no levels from 0 to 255.

        Raises:
            UsageError: it does not.
        """
        if self.any_length and array.ndim == 5 and len(array):
            self.model_copy(update={"frames": array.shape[1], "any_length": False}).check(array)
            return
        super().check(array)
        self.image.check(array[0])

    def of_any_length(self) -> Self:
        """Return the domain of clips of the same size, however long."""
        return self.model_copy(update={"any_length": True})

    def laid_out(self, array: AnyArray) -> AnyArray:
        """Return clips (N, T, H, W, C) that lie plane by plane, not copied if they do already."""
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 1)), 1, -1)

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps: uint8 (N, C, T, H, W)."""
        import torch

        planes = np.moveaxis(np.asarray(array, np.uint8), -1, 1)
        return torch.from_numpy(np.require(planes, requirements=["C", "W"]))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged levels in network units, float32 of the same shape."""
        import torch

        return staged.to(torch.float32, copy=True).div_(127.5).sub_(1)

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return clips (N, C, T, H, W) of any length in data units, uint8 (N, T, H, W, C).

        Values outside [−1, 1] are clipped.
        """
        import torch

        levels = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)
        return levels.to(torch.uint8).permute(0, 2, 3, 4, 1).contiguous().cpu().numpy()

    @property
    def planes(self) -> int:
        """One for each channel."""
        return self.channels

    def vector(self, y: Tensor) -> Tensor:
        """Return all pixels of all frames in a row, (N, C·T·H·W)."""
        return y.flatten(1)

    def mismatch(self, guess: Tensor, y: Tensor) -> Tensor:
        """Return ½‖y − guess‖² over all pixels: normal with variance 1, but for a constant."""
        return 0.5 * (y.flatten(1) - guess).square().sum(1).mean()

    def mirrored(self, x: Tensor) -> Tensor:
        """Return the clips flipped left to right, all frames alike."""
        return x.flip(-1)

    def resized(self, x: Tensor, size: Size) -> Tensor:
        """Return clips (N, C, T, H, W), or frames (N, C, H, W), at a smaller size: means of pixels.

        Args:
            x: the clips or frames.
            size: (height, width), or (frames, height, width) of clips.
        """
        import torch.nn.functional as F

        wanted = [*x.shape[2 : x.dim() - len(size)], *size]
        return x if list(x.shape[2:]) == wanted else F.interpolate(x, size=wanted, mode="area")

    def at_size(self, size: Size) -> Self:
        """Return the domain of clips of this (height, width) or (frames, height, width)."""
        frames, height, width = (self.frames, *size)[-3:]
        changes = {"frames": frames, "height": height, "width": width}
        return self.model_copy(update=changes)

    def packed(self, count: int) -> Self:
        """Return the domain of so many clips joined along their channels."""
        return self.model_copy(update={"channels": self.channels * count})

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a contact sheet of uint8 clips (N, T, H, W, C): frame after frame in a row.

        Args:
            array: the clips.
            columns: clips in a row; None: one.
        """
        count, frames, *shape = array.shape
        return draw.grid(array.reshape(count * frames, *shape), columns=frames * (columns or 1))

    def pictures(self, array: AnyArray) -> AnyArray:
        """Return the frames of one clip after the other, (N·T, H, W, C)."""
        return array.reshape(-1, *array.shape[2:])

    def tiled(self, array: AnyArray, columns: int | None = None) -> AnyArray:
        """Return clips (N, T, H, W, C) that run beside each other as one, (T, H', W', C)."""
        grids = [np.asarray(draw.grid(now, columns=columns)) for now in np.moveaxis(array, 1, 0)]
        whole = np.stack(grids)
        return whole if whole.ndim == 4 else whole[..., None]

    def preview(self, array: AnyArray, columns: int | None = None) -> Preview:
        """Return the clips running beside each other, as a GIF."""
        return Preview(animated(self.tiled(array, columns), ".gif", self.rate), ".gif")

    def sheet(self, classes: int) -> tuple[int, int]:
        """Return 4 rows, or one for each of up to 16 classes, and columns that make it square."""
        rows = min(classes, CLASS_ROWS) or ROWS
        return rows, math.ceil(rows * self.height / self.width)

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save uint8 clips (N, T, H, W, C).

        The path says how: .npy, .npz (array "videos"), a contact sheet as .png, the clips running
        beside each other as .gif or .mp4, or, without a suffix, a folder of folders of frames.

        Raises:
            UsageError: the suffix is none of these, or the folder holds files already.
        """
        if path.suffix:
            self._save(array, path, columns, (".png", ".gif", ".mp4"))
            return
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"{path} holds files already; give a new or empty folder.")
        digits = len(str(max(len(array) - 1, 0)))
        for number, clip in enumerate(array):
            self.image.save(clip, path / f"{number:0{digits}d}")

    def _draw(self, array: AnyArray, columns: int | None, file: BinaryIO, suffix: str) -> None:
        if suffix == ".png":
            super()._draw(array, columns, file, suffix)
        else:
            file.write(animated(self.tiled(array, columns), suffix, self.rate))


def _in_form(clips: Any, form: pixels.Form) -> Any:
    """Return uint8 clips (N, T, H, W, C) in a form; of those in a file when they are asked for."""
    _, frames, *shape = clips.shape
    if tuple(shape) == form.shape and form.channels != "rgba":
        return clips

    def change(some: AnyArray) -> AnyArray:
        changed = pixels.conform_array(some.reshape(-1, *shape), form)
        return changed.reshape(-1, frames, *form.shape)

    array = cast(AnyArray, clips)  # or what looks like one
    if type(array) is np.ndarray and not is_mapped(array):
        return change(array)
    return LazyRows(array, change=change, shape=(frames, *form.shape))
