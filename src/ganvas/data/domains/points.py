"""Points in space, and rows of tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ganvas.config import Settings
from ganvas.data import draw
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.data.options import DataOptions
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

SHOWN = 2_500
"""Points in a picture of samples."""

View = tuple[float, float, float, float]


class PointOptions(DataOptions):
    """What points can be told.

    Attributes:
        standardise: subtract the mean and divide by the root mean variance over the axes; None:
            yes for the user's points, no for laws. A graph's features: divide by their size.
    """

    owner: ClassVar[str] = "points"
    standardise: bool | None = None


class Points(Domain):
    """Points in space: ``network = (data − shift) / scale``.

    Attributes:
        dim: number of coordinates.
        shift: one number per coordinate.
        scale: one number for all coordinates, so that shapes keep their proportions.
        view: the part of the plane of the first two coordinates that pictures show, as
            (left, bottom, right, top) in data units; None: wherever the points are.
    """

    plural: ClassVar[str] = "points"
    named: ClassVar[str] = "points"
    array: ClassVar[str] = "float32 (16, dim)"
    Options: ClassVar[type[DataOptions] | None] = PointOptions

    kind: Literal["points"] = "points"
    dim: int = Field(ge=1)
    shift: list[float]
    scale: float = Field(gt=0)
    view: View | None = None

    @model_validator(mode="after")
    def _shift_per_coordinate(self) -> Self:
        if len(self.shift) != self.dim:
            raise ValueError(f"shift has {len(self.shift)} numbers for {self.dim} coordinates")
        return self

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of points (N, D), standardised unless the settings say no."""
        return cls.around(array, getattr(settings, "standardise", None) is not False)

    @classmethod
    def around(cls, points: AnyArray, standardise: bool, view: View | None = None) -> Self:
        """Return the domain of points (N, D): shift is their mean, scale² their mean axis variance.

        Raises:
            UsageError: they are all equal.
        """
        dim = points.shape[1]
        if not standardise:
            return cls(dim=dim, shift=[0.0] * dim, scale=1.0, view=view)
        exact = points.astype(np.float64)
        scale = float(np.sqrt(exact.var(axis=0).mean()))
        if scale == 0:
            raise UsageError("All training points are equal; there is no distribution to learn.")
        return cls(dim=dim, shift=exact.mean(axis=0).tolist(), scale=scale, view=view)

    def described(self) -> str:
        """Return the number of coordinates in words."""
        return f"points with {self.dim} coordinates"

    @property
    def shape(self) -> Size:
        """Shape of one point: (dim,)."""
        return (self.dim,)

    @property
    def unit(self) -> float:
        """The scale."""
        return self.scale

    def stage(self, array: AnyArray) -> Tensor:
        """Return float32 (N, dim) in network units."""
        import torch

        if self.scale == 1 and not any(self.shift):
            return torch.from_numpy(np.array(array, np.float32))
        moved = (np.asarray(array, np.float64) - np.array(self.shift)) / self.scale
        return torch.from_numpy(moved.astype(np.float32))

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return points in data units, (N, dim) float32."""
        import torch

        points = tensor.detach().cpu().to(torch.float64).numpy()
        return (points * self.scale + np.array(self.shift)).astype(np.float32)

    def packed(self, count: int) -> Self:
        """Return the domain of so many points joined along their coordinates."""
        wider = {"dim": self.dim * count, "shift": self.shift * count}
        return self.model_copy(update=wider)

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a scatter plot of the first two coordinates, or a histogram of the only one."""
        return draw.histogram(array) if self.dim == 1 else draw.scatter(array, self.view)

    def sheet(self, classes: int) -> tuple[int, int]:
        """Return how many points make a picture."""
        return 0, SHOWN

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save points in data units as .npy, as .npz (array "points"), or drawn as .png.

        Raises:
            UsageError: the suffix is none of these.
        """
        self._save(array, path, columns, (".png",))
