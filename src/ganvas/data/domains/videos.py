"""Clips: grey, RGB or RGBA frames of one size, so many of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy as np
from pydantic import Field

from ganvas.config import Settings
from ganvas.data import draw, pixels
from ganvas.data.animation import animated, lossless, webp
from ganvas.data.domain import EACH, AnyArray, Preview, Size
from ganvas.data.domains.images import Images
from ganvas.data.levels import Levels
from ganvas.data.mapped import LazyRows, is_mapped
from ganvas.data.options import DataOptions
from ganvas.data.video_options import VideoOptions
from ganvas.errors import UsageError
from ganvas.files import filling, write_whole

if TYPE_CHECKING:
    from PIL import Image

    from ganvas.data.items import Collection, Items
    from ganvas.data.report import DataReport

EXACT = ".lossless.mp4"
ARRAYS = (".npy", ".npz")
MOVING = (".gif", ".webp", ".mp4")


class Videos(Levels):
    """Clips, uint8 (N, T, H, W, C); float32 (N, C, T, H, W) for networks.

    Attributes:
        frames: of a clip.
        rate: how many of them people see in a second.
        any_length: other clips may have another number of frames.
    """

    plural: ClassVar[str] = "videos"
    named: ClassVar[str] = "videos"
    array: ClassVar[str] = "uint8 (16, frames, height, width, channels)"
    grid: ClassVar[int] = 3
    rows: ClassVar[int] = 4
    Options: ClassVar[type[DataOptions] | None] = VideoOptions

    kind: Literal["videos"] = "videos"
    frames: int = Field(ge=1)
    rate: float = Field(default=8.0, gt=0)
    any_length: bool = Field(default=False, exclude=True)

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of uint8 clips (N, T, H, W, C)."""
        _, frames, height, width, channels = array.shape
        return cls(channels=channels, frames=frames, height=height, width=width)

    @classmethod
    def conformed(cls, collection: Collection, settings: Settings) -> Collection:
        """Return the set with its frames in the size and channels asked for, cut as long as asked.

        Of longer clips as many are made as follow each other in them.

        Raises:
            UsageError: they have another size and no rule says how they get there, or the clips
                have another length.
        """
        assert isinstance(settings, VideoOptions)
        _, frames, height, width, channels = collection.splits["train"].x.shape
        size = pixels.choose_size(settings, [(f"{collection.name}, clip 0", (height, width))])
        chosen = pixels.choose_channels(settings, grey=channels == 1, alpha=channels == 4)
        form = pixels.Form(size, settings.resize, chosen, settings.colour)
        stride = settings.stride
        wanted = settings.frames or -(-frames // stride)
        span = (wanted - 1) * stride + 1
        if span > frames:
            raise UsageError(
                f"{collection.name} holds clips of {frames} frames, and data.frames={wanted} with "
                f"data.stride={stride} asks for {span}."
            )
        splits: dict[str, Items] = {}
        for split, items in collection.splits.items():
            cut = items if span == frames and stride == 1 else _cut(items, span, stride)
            splits[split] = cut.replace(**{cut.main: _in_form(cut.x, form)})
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
    def reading(self) -> Mapping[str, Any]:
        """Settings with which a file or folder is read as such clips."""
        return {
            "frames": self.frames,
            "size": (self.height, self.width),
            "resize": "fit-crop",
            "channels": pixels.FORMS[self.channels],
        }

    def reading_of(self, path: Path) -> Mapping[str, Any]:
        """Return `reading`; clips of any length are taken as long as an array has them."""
        whole = self.any_length and path.suffix.lower() in ARRAYS
        return {**self.reading, "frames": None} if whole else self.reading

    @property
    def lasting(self) -> bool:
        """Whether clips may have another number of frames."""
        return self.any_length

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
            if array.shape[1] < self.frames:
                raise UsageError(
                    f"clips of {array.shape[1]} frames: {self.frames} are seen at once, or more"
                )
            self.model_copy(update={"frames": array.shape[1], "any_length": False}).check(array)
            return
        super().check(array)

    def of_any_length(self) -> Self:
        """Return the domain of clips of the same size, however long."""
        return self.model_copy(update={"any_length": True})

    def at_size(self, size: Size) -> Self:
        """Return the domain of clips of this (height, width) or (frames, height, width)."""
        frames, height, width = (self.frames, *size)[-3:]
        changes = {"frames": frames, "height": height, "width": width}
        return self.model_copy(update=changes)

    @property
    def pace(self) -> float:
        """How many frames people see in a second."""
        return self.rate

    def at_pace(self, pace: float) -> Self:
        """Return the domain of the same clips, shown at so many frames a second."""
        return self.model_copy(update={"rate": pace})

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

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save uint8 clips (N, T, H, W, C).

        The path says how: .npy, .npz (array "videos"), a contact sheet as .png; the clips running
        beside each other as .gif, .webp or .mp4, exactly as they are as .lossless.mp4; a file for
        each of them as ``FOLDER/{}.gif`` and likewise; or, without a suffix, a folder of folders of
        frames.

        Raises:
            UsageError: the suffix is none of these, or the folder holds files already.
        """
        if path.suffix and EACH not in path.name:
            if path.suffix.lower() in MOVING:
                whole = array[0] if len(array) == 1 else self.tiled(array, columns)
                write_whole(path, self._moving(whole, path, enlarge=True))
            else:
                self._save(array, path, columns, (".png", *MOVING))
            return
        folder = path.parent if path.suffix else path
        digits = len(str(max(len(array) - 1, 0)))
        with filling(folder):
            for number, clip in enumerate(array):
                own = folder / (path.name if path.suffix else EACH).replace(
                    EACH, f"{number:0{digits}d}"
                )
                if not path.suffix:
                    self.image.save(clip, own)
                elif path.suffix.lower() in MOVING:
                    write_whole(own, self._moving(clip, path, enlarge=False))
                else:
                    self._save(clip[None], own, None, (".png", *MOVING))

    def _moving(self, frames: AnyArray, path: Path, *, enlarge: bool) -> bytes:
        """Return the content of a file that shows frames (T, H, W, C), by the end of its name."""
        if path.name.lower().endswith(EXACT):
            return lossless(frames, self.rate)
        if path.suffix.lower() == ".webp":
            return webp(frames, self.rate)
        return animated(frames, path.suffix.lower(), self.rate, enlarge=enlarge)


def _cut(items: Items, span: int, stride: int) -> Items:
    """Return items whose clips (N, T, H, W, C) are cut into all that follow each other in them."""
    whole = items.x
    count, frames, *shape = whole.shape
    each = frames // span
    offsets = np.arange(0, span, stride)

    def take(rows: AnyArray) -> AnyArray:
        found = whole[rows // each]
        numbers = rows[:, None] % each * span + offsets
        return found[np.arange(len(rows))[:, None], numbers]

    rows = np.arange(count * each, dtype=np.int64)
    lazy: Any = LazyRows(rows, change=take, shape=(len(offsets), *shape), dtype=np.uint8)
    held = type(whole) is np.ndarray and not is_mapped(whole)
    beside = {k: np.repeat(v, each, axis=0) for k, v in items.fields.items() if k != items.main}
    return items.like({**beside, items.main: np.asarray(lazy) if held else lazy})


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
