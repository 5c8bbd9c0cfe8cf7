"""A small classifier of clips: what it knows of them are features to compare clips by.

Convolutions in space and time, means over all places, one linear layer; on its features a head for
each factor of a set of clips that is made by code: shape, colour, direction, digit. Clips of any
length and size are taken: frames are brought to its size. Weights are made by
``scripts/train_vidnets.py`` and come in half precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

EDGE = 32
"""Edge of frames."""
WIDTH = 16
"""Channels of the first layer: half of those of the benchmark's sheet."""
FEATURES = 64

STRIDES = ((2, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
"""Frames are halved at once, which halves the cost of the first layers."""


class VidNet(nn.Module):
    """Features (N, 64) of clips (N, C, T, H, W) in [0, 1], and logits of each factor.

    Args:
        channels: C.
        heads: how many values each factor has, by name.
        width: channels of the first layer; each further one doubles them.
    """

    def __init__(self, channels: int, heads: Mapping[str, int], width: int = WIDTH) -> None:
        super().__init__()
        widths = [channels, *(width << k for k in range(len(STRIDES)))]
        layers: list[nn.Module] = []
        for (inputs, outputs), stride in zip(pairwise(widths), STRIDES, strict=True):
            layers += [
                nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm3d(outputs),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.last = nn.Linear(widths[-1], FEATURES)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, n) for name, n in heads.items()})

    def hidden(self, clips: Tensor) -> Tensor:
        """Return features (N, 64)."""
        return F.relu(self.last(self.body(2 * clips - 1)))

    def told(self, features: Tensor) -> dict[str, Tensor]:
        """Return the logits (N, values) of each factor."""
        return {name: head(features) for name, head in self.heads.items()}

    def forward(self, clips: Tensor) -> dict[str, Tensor]:
        """Return the logits of each factor."""
        return self.told(self.hidden(clips))


def framed(clips: Tensor, edge: int = EDGE) -> Tensor:
    """Return clips (N, C, T, H, W) with frames of a size: means where they shrink, else linear."""
    n, channels, frames, *size = clips.shape
    if size == [edge, edge]:
        return clips
    images = clips.transpose(1, 2).flatten(0, 1)
    made = F.interpolate(images, (edge, edge), mode="bilinear", antialias=True).clamp(0, 1)
    return made.view(n, frames, channels, edge, edge).transpose(1, 2)
