"""Nodes of an undirected graph, by their features."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ganvas.config import Settings
from ganvas.data import draw
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.data.graphs import degrees
from ganvas.data.options import DataOptions
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ganvas.data.items import Collection
    from ganvas.data.report import DataReport

from ganvas.data.domains.points import PointOptions


class Graph(Domain):
    """Features of nodes: ``network = data / scale``; links are a field of their own beside them.

    Attributes:
        features: how many each node has.
        scale: root mean square of the features that are not 0: 1 for words that are there or not.
    """

    plural: ClassVar[str] = "nodes of a graph"
    named: ClassVar[str] = "features"
    Options: ClassVar[type[DataOptions] | None] = PointOptions

    kind: Literal["graph"] = "graph"
    features: int = Field(ge=1)
    scale: float = Field(default=1.0, gt=0)

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of features (N, F), scaled unless the settings say no.

        Raises:
            UsageError: a rule for columns of points is asked for.
        """
        asked = getattr(settings, "standardise", None)
        if isinstance(asked, str):
            raise UsageError(
                f"data.standardise={asked} is for points: the features of a graph's nodes are all "
                "divided by one number, or with data.standardise=false not at all"
            )
        standardise = asked is not False
        nonzero = array[array != 0].astype(np.float64)
        scale = float(np.sqrt(np.mean(nonzero**2))) if standardise and nonzero.size else 1.0
        return cls(features=array.shape[1], scale=scale)

    @classmethod
    def describe(cls, collection: Collection, report: DataReport) -> None:
        """Enter the number of links, and of nodes without any."""
        super().describe(collection, report)
        train = collection.splits["train"]
        report.links = len(train["links"])
        if alone := int((degrees(train["links"], len(train)) == 0).sum()):
            report.warnings.append(f"{alone:,} nodes have no link: only features tell of them")

    def described(self) -> str:
        """Return the number of features in words."""
        return f"nodes of a graph with {self.features:,} features"

    @property
    def shape(self) -> Size:
        """Shape of one node: (features,)."""
        return (self.features,)

    def stage(self, array: AnyArray) -> Tensor:
        """Return float32 (N, features) in network units."""
        import torch

        return torch.from_numpy((np.asarray(array, np.float64) / self.scale).astype(np.float32))

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return features in data units, (N, features) float32."""
        return (tensor.detach().cpu().double().numpy() * self.scale).astype(np.float32)

    def picture(self, array: AnyArray, columns: int | None = None) -> Image.Image:
        """Return a grey picture of the features, a row a node, dark where they are large."""
        share = np.abs(array) / max(float(np.abs(array).max()), 1e-30)
        grey = np.rint(255 * (1 - share)).astype(np.uint8)
        return draw.grid(grey[None, :, :, None], enlarge=False)
