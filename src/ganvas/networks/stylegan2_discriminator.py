"""StyleGAN2's discriminator, in three architectures (Karras et al. 2020, section 4.1)."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganvas.networks.base import Discriminator, Head, labels_of
from ganvas.networks.conditions import Conditions, Given
from ganvas.networks.styled import SLOPE
from ganvas.nn import (
    BilinearDown,
    BlurredConv,
    Growth,
    MinibatchDeviation,
    PixelNorm,
    blend,
    equalised,
    one_hot,
    unrounded,
    widen,
)
from ganvas.nn.equalised import SQRT2
from ganvas.nn.modulated import rectified

if TYPE_CHECKING:
    from ganvas.networks.stylegan2 import StyleGAN2Discriminator


class StyleGAN2DiscriminatorNet(Discriminator):
    """Image → 1×1 → levels, each halving → deviation, the coarsest level → score.

    The gain √2 of rectifiers and the √½ of residual sums are in the weights and biases before them.

    Attributes:
        sizes: (height, width) of all levels, coarsest first.
        growth: of a network that grows, the level whose images it judges, and their α.
    """

    from_finest = ()

    def __init__(
        self, config: StyleGAN2Discriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        self.sizes = config.sizes(shape[1:])
        widths = config.widths(len(self.sizes))
        self.architecture = config.architecture
        self.growth = Growth() if config.grows else None
        self.limit = config.limit
        self.rounds = [config.rounds(level, len(widths)) for level in range(len(widths))]
        adds_up = config.architecture == "residual"
        every = config.architecture == "skip" or config.grows
        self.from_image = nn.ModuleList(
            rectifying(nn.Conv2d(shape[0] + self.label_maps, width, 1))
            for width in (widths if every else widths[-1:])
        )
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [
                    rectifying(nn.Conv2d(many, many, 3, padding=1)),
                    rectifying(BlurredConv(many, few), gain=1.0 if adds_up else SQRT2),
                ]
            )
            for few, many in pairwise(widths)
        )
        self.shortcuts = nn.ModuleList(
            equalised(BlurredConv(many, few, 1, bias=False), gain=math.sqrt(0.5))
            for few, many in (pairwise(widths) if adds_up else ())
        )
        self.down = BilinearDown()
        group = config.deviation
        self.deviation = MinibatchDeviation(widths[0], group) if group else None
        told = widths[0] + (self.deviation is not None)
        self.last = rectifying(nn.Conv2d(told, widths[0], 3, padding=1))
        self.whole = rectifying(nn.Linear(widths[0] * math.prod(self.sizes[0]), widths[0]))
        self.head = (
            MappedHead(widths[0], self.classes, config.label_width or widths[0], config.label_depth)
            if self.labels == "projection"
            else equalised(Head(widths[0], self.classes, self.labels), gain=1.0)
        )

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, maps of level 0) for images (N, C, h, w) of the level."""
        last, alpha = self.growth.now if self.growth else (len(self.rounds) - 1, 1.0)
        x = self.with_label_maps(x, y)
        h: Tensor | None = None
        for level in range(last, 0, -1):
            if h is None or self.architecture == "skip":
                h = self._entered(level, x, h)
            h = self._level(level, h)
            if level == last and alpha < 1:
                h = blend(self._entered(level - 1, self.down(x), None), h, alpha)
            if self.architecture == "skip":
                x = self.down(x)
        if h is None or self.architecture == "skip":
            h = self._entered(0, x, h)
        with self._exactly(0, h):
            h = h if self.rounds[0] else widen(h)
            if self.deviation is not None:
                one = self.deviation(widen(h).flatten(1)).to(h.dtype)
                h = torch.cat([h, one[:, :, None, None].expand(-1, -1, *h.shape[2:])], dim=1)
            h = rectified(self.last(h), SLOPE, self.limit)
            return rectified(self.whole(h.flatten(1)), SLOPE)

    def _entered(self, level: int, x: Tensor, h: Tensor | None) -> Tensor:
        """Return the maps of an image at a level, added to those that come from the one before."""
        layer = self.from_image[level if len(self.from_image) > 1 else 0]
        with self._exactly(level, x):
            entered = rectified(layer(x), SLOPE, self.limit)
        return entered if h is None else h + entered

    def _level(self, level: int, x: Tensor) -> Tensor:
        """Return the maps of a level, halved."""
        with self._exactly(level, x):
            h = x = x if self.rounds[level] else widen(x)
            for layer in self.blocks[level - 1].children():
                h = rectified(layer(h), SLOPE, self.limit)
            return h + self.shortcuts[level - 1](x) if len(self.shortcuts) else h

    def _exactly(self, level: int, x: Tensor) -> AbstractContextManager[object]:
        """Return a block in which a level is rounded only if it may be."""
        return nullcontext() if self.rounds[level] else unrounded(x)


class MappedHead(Head):
    """⟨A h + b, m(y)⟩/√width, with a mapping m of labels, as the one of styles.

    Args:
        features: F, width of the features.
        classes: K.
        width: of the inner product.
        depth: layers of m.
    """

    def __init__(self, features: int, classes: int, width: int, depth: int) -> None:
        super().__init__(features, classes)
        self.score = equalised(nn.Linear(features, width), gain=1.0)
        self.embed = equalised(nn.Linear(classes, width), gain=1.0)
        self.norm = PixelNorm()
        self.layers = nn.ModuleList(
            equalised(nn.Linear(width, width), SQRT2, rate=0.01, bias_gain=SQRT2)
            for _ in range(depth)
        )

    def forward(self, h: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits (N,) for features (N, F)."""
        told = self.norm(self.embed(one_hot(labels_of(y, self.classes), self.classes, h.dtype)))
        for layer in self.layers:
            told = rectified(layer(told), SLOPE)
        return (self.score(h) * told).sum(1) / math.sqrt(told.shape[1])

    def lipschitz(self) -> float:
        """Return that nothing is known."""
        return math.inf


def rectifying(layer: nn.Module, gain: float = SQRT2) -> nn.Module:
    """Return a layer under the equalised rate, with the gain of the rectifier that follows it."""
    return equalised(layer, gain, bias_gain=gain)
