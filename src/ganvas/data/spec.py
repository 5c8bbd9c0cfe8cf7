"""What networks are built from: kind, shape and units of one data set.

Data units are what the user has: points as they were measured, images as uint8 (N, H, W, C).
Network units are what networks see: standardised points (N, D) and images (N, C, H, W) in
[−1, 1], both float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from ganvas.config import Settings
from ganvas.data import draw
from ganvas.errors import UsageError
from ganvas.files import replacing

AnyArray = npt.NDArray[Any]


class Points(Settings):
    """Points in space: ``network = (data − shift) / scale``.

    Attributes:
        dim: number of coordinates.
        shift: one number per coordinate.
        scale: one number for all coordinates, so that shapes keep their proportions.
        view: the part of the plane of the first two coordinates that pictures show, as
            (left, bottom, right, top) in data units; None: wherever the points are.
    """

    kind: Literal["points"] = "points"
    dim: int = Field(ge=1)
    shift: list[float]
    scale: float = Field(gt=0)
    view: tuple[float, float, float, float] | None = None

    @model_validator(mode="after")
    def _shift_per_coordinate(self) -> Self:
        if len(self.shift) != self.dim:
            raise ValueError(f"shift has {len(self.shift)} numbers for {self.dim} coordinates")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample in network units: (dim,)."""
        return (self.dim,)

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps: float32 (N, dim) in network units."""
        if self.scale == 1 and not any(self.shift):
            return torch.from_numpy(np.array(array, np.float32))
        moved = (np.asarray(array, np.float64) - np.array(self.shift)) / self.scale
        return torch.from_numpy(moved.astype(np.float32))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged points in network units: they are."""
        return staged

    def encode(self, array: AnyArray) -> Tensor:
        """Return points (N, dim) in network units, float32."""
        return self.normalise(self.stage(array))

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return points in data units, (N, dim) float32."""
        points = tensor.detach().cpu().to(torch.float64).numpy()
        return (points * self.scale + np.array(self.shift)).astype(np.float32)

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a scatter plot of the first two coordinates, or a histogram of the only one."""
        return draw.histogram(array) if self.dim == 1 else draw.scatter(array, self.view)

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save points in data units as .npy, as .npz (array "points"), or drawn as .png.

        Points have no columns of pictures; the argument is there because images have.

        Raises:
            UsageError: the suffix is none of these.
        """
        _save_array(array, path, "points", pictures=(".png",), picture=self.picture)


class Images(Settings):
    """Pictures: ``network = data / 127.5 − 1``, so that 0 is −1 and 255 is 1."""

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

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample in network units: (channels, height, width)."""
        return (self.channels, self.height, self.width)

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps: uint8 (N, C, H, W).

        No copy is made of an array whose memory has that order already.
        """
        planes = np.moveaxis(np.asarray(array, np.uint8), -1, 1)
        return torch.from_numpy(np.ascontiguousarray(planes))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged images in network units, float32 (N, C, H, W)."""
        return staged.to(torch.float32).div_(127.5).sub_(1)

    def encode(self, array: AnyArray) -> Tensor:
        """Return uint8 images (N, H, W, C) in network units, float32 (N, C, H, W)."""
        return self.normalise(self.stage(array))

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return images in data units, uint8 (N, H, W, C); values outside [−1, 1] are clipped."""
        levels = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)
        return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a grid of uint8 images (N, H, W, C), so many in a row."""
        return draw.grid(array, columns=columns)

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save uint8 images (N, H, W, C).

        The path says how: .npy, .npz (array "images"), one grid as .png, .jpg or .webp with so many
        columns, or, without a suffix, a folder of numbered .png files.

        Raises:
            UsageError: the suffix is none of these, or the folder holds files already.
        """
        if path.suffix:
            suffixes = (".png", ".jpg", ".webp")
            picture = partial(self.picture, columns=columns)
            _save_array(array, path, "images", pictures=suffixes, picture=picture)
            return
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"{path} holds files already; give a new or empty folder.")
        path.mkdir(parents=True, exist_ok=True)
        digits = len(str(max(len(array) - 1, 0)))
        for number, pixels in enumerate(array):
            draw.grid(pixels[None], enlarge=False).save(path / f"{number:0{digits}d}.png")


class Graph(Settings):
    """Nodes of an undirected graph, by their features: ``network = data / scale``.

    Links are no part of a node; they travel beside the features (`Items.links`, `Batch.links`).

    Attributes:
        features: how many each node has.
        scale: root mean square of the features that are not 0: 1 for words that are there or not.
    """

    kind: Literal["graph"] = "graph"
    features: int = Field(ge=1)
    scale: float = Field(default=1.0, gt=0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one node in network units: (features,)."""
        return (self.features,)

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps: float32 (N, features) in network units."""
        return torch.from_numpy((np.asarray(array, np.float64) / self.scale).astype(np.float32))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged features in network units: they are."""
        return staged

    def encode(self, array: AnyArray) -> Tensor:
        """Return features (N, features) in network units, float32."""
        return self.stage(array)

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return features in data units, (N, features) float32."""
        return (tensor.detach().cpu().to(torch.float64).numpy() * self.scale).astype(np.float32)

    def picture(self, array: AnyArray) -> Image.Image:
        """Return a grey picture of the features, a row a node, dark where they are large."""
        share = np.abs(array) / max(float(np.abs(array).max()), 1e-30)
        grey = np.rint(255 * (1 - share)).astype(np.uint8)
        return draw.grid(grey[None, :, :, None], enlarge=False)

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save features in data units as .npy, as .npz (array "features"), or drawn as .png.

        Raises:
            UsageError: the suffix is none of these.
        """
        _save_array(array, path, "features", pictures=(".png",), picture=self.picture)


Domain = Annotated[Points | Images | Graph, Field(discriminator="kind")]
"""One kind of data: its units, saving and showing."""


class DataSpec(Settings):
    """What is known of a data set before a network sees it; stored with the model.

    Attributes:
        name: the data set's name.
        domain: its kind, shape and units.
        classes: number of label classes, 0 without labels.
        class_names: their names in index order, or nothing.
        size: number of training items; None: endless.
    """

    name: str
    domain: Domain
    classes: int = Field(default=0, ge=0)
    class_names: list[str] = Field(default_factory=list[str])
    size: int | None = None

    @model_validator(mode="after")
    def _names_per_class(self) -> Self:
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError(f"{len(self.class_names)} class names for {self.classes} classes")
        return self

    @property
    def kind(self) -> Literal["points", "images", "graph"]:
        """The kind of data."""
        return self.domain.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample in network units."""
        return self.domain.shape


def _save_array(
    array: AnyArray,
    path: Path,
    key: str,
    *,
    pictures: tuple[str, ...],
    picture: Callable[[AnyArray], Image.Image],
) -> None:
    known = (".npy", ".npz", *pictures)
    if path.suffix not in known:
        raise UsageError(f"Cannot save {key} as '{path.name}': expected {', '.join(known)}.")
    with replacing(path) as file:
        if path.suffix == ".npy":
            np.save(file, array)
        elif path.suffix == ".npz":
            np.savez_compressed(file, allow_pickle=False, **{key: array})
        else:
            shown = picture(array)
            if path.suffix == ".jpg":
                shown = shown.convert("RGB")
            shown.save(file, Image.registered_extensions()[path.suffix])
