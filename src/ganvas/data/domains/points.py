"""Points in space, and rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

import numpy as np
from pydantic import Field, model_validator

from ganvas.config import Settings
from ganvas.data import draw
from ganvas.data.column_report import report_columns
from ganvas.data.columns import summarise
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.data.options import CacheOptions, DataOptions
from ganvas.data.readers.writing import WRITERS, is_table, save_table
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ganvas.data.items import Collection
    from ganvas.data.report import DataReport

SHOWN = 2_500
"""Points in a picture of samples."""
LARGEST = 2.0**63
"""Whole numbers from here on are no 64-bit integers."""

View = tuple[float, float, float, float]


Rule = Literal["columns", "together"]


class PointOptions(CacheOptions):
    """What points can be told.

    Attributes:
        standardise: subtract means and divide. ``columns``: each coordinate by its own standard
            deviation; ``together``: all by one number, the root of their mean variance, so that
            shapes keep their proportions; false: not at all. true is ``columns`` for the user's
            points and ``together`` for laws; None, the default, likewise, but not at all for laws.
            A graph's features: divide by their size.
        links: of a .csv file: each row links two nodes of a graph, and is no point.
    """

    owner: ClassVar[str] = "points"
    standardise: bool | Rule | None = None
    links: bool = False


class Points(Domain):
    """Points in space, or rows of a table: ``network = (data − shift) / scale``.

    Attributes:
        dim: number of coordinates.
        shift: one number per coordinate.
        scale: one number for all coordinates, so that shapes keep their proportions, or one for
            each; 0 where all data are equal: samples then are too.
        view: the part of the plane of the first two coordinates that pictures show, as
            (left, bottom, right, top) in data units; None: wherever the points are.
        called: the coordinates' names, if they have some.
        whole: which coordinates hold whole numbers only, as samples do then; empty: none.
        dtype: type of the coordinates in data units, unless all of them are whole.
    """

    plural: ClassVar[str] = "points"
    named: ClassVar[str] = "points"
    array: ClassVar[str] = "numbers (16, dim)"
    Options: ClassVar[type[DataOptions] | None] = PointOptions

    kind: Literal["points"] = "points"
    dim: int = Field(ge=1)
    shift: list[float]
    scale: Annotated[float, Field(gt=0)] | list[Annotated[float, Field(ge=0)]]
    view: View | None = None
    called: list[str] = Field(default_factory=list[str])
    whole: list[bool] = Field(default_factory=list[bool])
    dtype: Literal["float32", "float64"] = "float32"

    @model_validator(mode="after")
    def _one_per_coordinate(self) -> Self:
        for name in ("shift", "scale", "called", "whole"):
            value: object = getattr(self, name)
            given = len(cast(list[object], value)) if isinstance(value, list) else self.dim
            if given != self.dim and (given or name in ("shift", "scale")):
                raise ValueError(f"{name} has {given} numbers for {self.dim} coordinates")
        return self

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of points (N, D), each column standardised unless settings say else."""
        asked: bool | Rule | None = getattr(settings, "standardise", None)
        if asked is False:
            return cls.around(array, None)
        return cls.around(array, asked if isinstance(asked, str) else "columns")

    @classmethod
    def around(cls, points: AnyArray, rule: Rule | None, view: View | None = None) -> Self:
        """Return the domain of points (N, D), standardised by a rule or not at all.

        Raises:
            UsageError: they are all equal.
        """
        dim = points.shape[1]
        kind: dict[str, Any] = {
            "whole": [True] * dim if points.dtype.kind in "iu" else [],
            "dtype": "float32" if points.dtype.name in ("float16", "float32") else "float64",
        }
        if rule is None:
            return cls(dim=dim, shift=[0.0] * dim, scale=1.0, view=view, **kind)
        found = summarise(points)
        if not found.spread.any():
            raise UsageError("All training points are equal; there is no distribution to learn.")
        one = float(np.sqrt(found.variance.mean())) or float(found.spread.max())
        scale = found.spread.tolist() if rule == "columns" else one
        return cls(dim=dim, shift=found.mean.tolist(), scale=scale, view=view, **kind)

    @classmethod
    def describe(cls, collection: Collection, report: DataReport) -> None:
        """Enter a line for each column, and what is odd about some."""
        super().describe(collection, report)
        x, names = collection.splits["train"].x, collection.details.get("called", ())
        report.numbers, told = report_columns(x, names)
        report.warnings += told

    def described(self) -> str:
        """Return the number of coordinates in words."""
        return f"points with {self.dim} coordinates"

    @property
    def names(self) -> Sequence[str]:
        """The coordinates' names."""
        return self.called

    @property
    def shape(self) -> Size:
        """Shape of one point: (dim,)."""
        return (self.dim,)

    @property
    def unit(self) -> float:
        """The scale, if it is one for all coordinates; else each has its own, and this is 1."""
        return 1.0 if isinstance(self.scale, list) else self.scale

    @property
    def ruler(self) -> str:
        """The rule by which items are standardised, in words."""
        if isinstance(self.scale, list):
            return "standard deviations of the columns"
        return "root mean variance" if self._moved else ""

    @property
    def _moved(self) -> bool:
        return self.scale != 1 or any(self.shift)

    def check(self, array: AnyArray) -> None:
        """Refuse an array of a user's that holds no points of this many coordinates.

        Raises:
            UsageError: it does not, or not finite numbers.
        """
        super().check(array)
        numbers = np.asarray(array)
        if numbers.dtype.kind not in "fiub":
            raise UsageError(f"expected real numbers, got {numbers.dtype}")
        if not np.isfinite(numbers).all():
            raise UsageError("expected finite numbers: some are nan or infinite")

    def standardised(self, array: AnyArray) -> AnyArray:
        """Return float64 (N, dim) in network units."""
        exact = np.asarray(array, np.float64)
        if not self._moved:
            return exact
        scale = np.array(self.scale)
        return (exact - np.array(self.shift)) / np.where(scale > 0, scale, 1.0)

    def stage(self, array: AnyArray) -> Tensor:
        """Return float32 (N, dim) in network units."""
        import torch

        moved = self.standardised(array) if self._moved else array
        return torch.from_numpy(np.array(moved, np.float32))  # a copy: tensors are written to

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return points in data units, (N, dim) of the data's type."""
        import torch

        network = tensor.detach().cpu().to(torch.float64).numpy()
        points = network * np.array(self.scale) + np.array(self.shift)
        if not any(self.whole):
            return points.astype(self.dtype)
        points[:, self.whole] = np.rint(points[:, self.whole]) + 0.0  # no −0
        fits = all(self.whole) and bool((np.abs(points) < LARGEST).all())  # false for NaN, too
        return points.astype(np.int64 if fits else np.float64)

    def packed(self, count: int) -> Self:
        """Return the domain of so many points joined along their coordinates."""
        scale = self.scale * count if isinstance(self.scale, list) else self.scale
        wider = {"shift": self.shift * count, "scale": scale, "whole": self.whole * count}
        return self.model_copy(update={**wider, "dim": self.dim * count, "called": []})

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a scatter plot of the first two coordinates, or a histogram of the only one.

        Where each coordinate has a scale of its own, so do the axes.
        """
        if self.dim == 1:
            return draw.histogram(array)
        if isinstance(self.scale, list):
            return draw.scatter(self.standardised(array), None)
        return draw.scatter(array, self.view)

    def pictures(self, array: AnyArray) -> AnyArray:
        """Return pictures of the points up to each, in one view."""
        if self.dim == 1:
            shown = [draw.histogram(array[: count + 1]) for count in range(len(array))]
        else:
            apart = isinstance(self.scale, list)
            points = self.standardised(array) if apart else array
            view = draw.square_view(points) if apart or self.view is None else self.view
            shown = [draw.scatter(points[: n + 1], view, size=6) for n in range(len(points))]
        return np.stack([np.asarray(picture) for picture in shown])

    def sheet(self, classes: int) -> tuple[int, int]:
        """Return how many points make a picture."""
        return 0, SHOWN

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save points in data units: .npy, .npz (array "points"), .csv, .parquet, or drawn as .png.

        Tables have the names of the data's columns, or else x0, x1, …

        Raises:
            UsageError: the suffix is none of these.
        """
        if is_table(path):
            save_table(path, self.table(array))
        else:
            self._save(array, path, columns, (*WRITERS, ".png"))

    def table(self, array: AnyArray) -> dict[str, AnyArray]:
        """Return the coordinates by their names, or else as x0, x1 and so on."""
        return dict(zip(self._headed, self._typed(array), strict=True))

    @property
    def _headed(self) -> Sequence[str]:
        return self.called or [f"x{i}" for i in range(self.dim)]

    def _typed(self, array: AnyArray) -> list[AnyArray]:
        """Return the columns, those of whole numbers as integers where they are finite."""
        whole = self.whole or [False] * self.dim
        return [
            column.astype(np.int64) if asked and bool((np.abs(column) < LARGEST).all()) else column
            for column, asked in zip(array.T, whole, strict=True)
        ]
