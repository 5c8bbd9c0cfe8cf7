"""A coarser copy of an image: what super-resolution is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ganvas.data.derived import Derivation
from ganvas.data.domain import PLANE, AnyArray, Domain
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


class Coarser(Derivation):
    """Each pixel the mean of a square of the image's.

    Attributes:
        factor: side of the squares.
    """

    kind: Literal["coarser"] = "coarser"
    factor: int = Field(default=4, ge=2)

    def domain(self, of: Domain) -> Domain:
        """Return images of that fraction of each side.

        Raises:
            UsageError: items are no images, or their sides are no multiples of the factor.
        """
        if of.grid != PLANE:
            raise UsageError(f"data.derive: a coarser copy is one of images, not of {of.plural}")
        _, height, width = of.shape
        if height % self.factor or width % self.factor:
            raise UsageError(
                f"data.derive: factor={self.factor} does not divide the sides of images of "
                f"{height} × {width}; choose one that does, or another data.size"
            )
        return of.at_size((height // self.factor, width // self.factor))

    def work_out(self, x: Tensor, chances: Tensor) -> Tensor:
        """Return means over squares of images (N, C, H, W)."""
        import torch.nn.functional as F

        return F.avg_pool2d(x, self.factor)

    def alike(self, x: Tensor, field: Tensor) -> Tensor:
        """Return means over squares, in which there is no chance."""
        return self.work_out(x, field)

    def shown(self, field: AnyArray, of: Domain) -> AnyArray:
        """Return coarse images with each pixel as a square."""
        return np.repeat(np.repeat(field, self.factor, axis=1), self.factor, axis=2)
