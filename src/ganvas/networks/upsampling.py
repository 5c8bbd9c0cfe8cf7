"""Which layers enlarge the maps of a generator, level by level."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from torch import nn

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.nn import Padding, Upsample, upsampler


class Growing(Protocol):
    """Makes a layer that doubles each side, of channels, a kernel, and with a bias or without."""

    def __call__(self, inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> nn.Module:
        """Return the layer."""
        ...


class Upsampling(Settings):
    """What generators and decoders of images and clips have in common.

    Attributes:
        upsample: the layer that enlarges maps (`ganvas.nn.upsample`), one for all levels or a list,
            coarsest level first; None: the one that the family's papers have.
        upsample_padding: what stands around maps before its convolution, if that keeps the size.
    """

    upsample: Upsample | tuple[Upsample, ...] | None = None
    upsample_padding: Padding = "reflect"

    def growing(self, levels: int, published: Growing, dims: int = 2) -> list[Growing]:
        """Return what enlarges the maps of each of so many levels, coarsest first.

        Args:
            levels: how often the sides are doubled.
            published: what the family's papers have.
            dims: axes that are doubled: 3 of clips, time among them.

        Raises:
            UsageError: ``upsample`` lists more or fewer levels.
        """
        names = self.upsample
        if names is None:
            return [published] * levels
        if isinstance(names, str):
            names = (names,) * levels
        if len(names) != levels:
            raise UsageError(
                f"upsample lists {len(names)} layers, but this generator doubles its maps "
                f"{levels} times: correct the list (coarsest level first), or give one for all"
            )
        return [
            partial(upsampler, name, padding=self.upsample_padding, dims=dims) for name in names
        ]


deconvolution: Growing = partial(upsampler, "deconv")
"""DCGAN's transposed convolution."""

deconvolution_of_clips: Growing = partial(upsampler, "deconv", dims=3)
"""The same in time and space."""

resize_convolution: Growing = partial(upsampler, "nn_resize", padding="zeros", exact=True)
"""Nearest neighbours, then a convolution with zeros around: as residual networks have it."""

quick_resize_convolution: Growing = partial(upsampler, "nn_resize", padding="zeros")
"""The same to rounding, by the transposed convolution that it is: 2 to 4 times as fast on a CPU."""
