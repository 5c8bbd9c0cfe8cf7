"""The first frame of a clip, as a picture: what image to video is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ganvas.data.derived import Derivation
from ganvas.data.domain import AnyArray, Domain
from ganvas.data.domains.images import Images
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

VOLUME = 3
"""Dimensions of space and time of a clip."""


class FirstFrame(Derivation):
    """The picture that a clip begins with."""

    kind: Literal["first_frame"] = "first_frame"

    def domain(self, of: Domain) -> Domain:
        """Return pictures of a clip's size.

        Raises:
            UsageError: items are no clips.
        """
        if of.grid != VOLUME:
            raise UsageError(f"data.derive: a first frame is one of videos, not of {of.plural}")
        channels, _, height, width = of.shape
        return Images(channels=channels, height=height, width=width)

    def work_out(self, x: Tensor, chances: Tensor) -> Tensor:
        """Return the first frames (N, C, H, W) of clips (N, C, T, H, W)."""
        return x[:, :, 0]

    def alike(self, x: Tensor, field: Tensor) -> Tensor:
        """Return first frames, in which there is no chance."""
        return x[:, :, 0]

    def shown(self, field: AnyArray, of: Domain) -> AnyArray:
        """Return clips (N, T, H, W, C) that stand still."""
        frames = of.array_shape[0]
        return np.repeat(field[:, None], frames, axis=1)
