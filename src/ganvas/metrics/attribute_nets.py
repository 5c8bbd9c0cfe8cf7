"""Networks that tell attributes of pictures: one that is trained whole, one on frozen features."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.networks.perceptual import FeaturesName, feature_network

SIDE: Final = 4
"""Maps of features are pooled to so many places along each side."""


class AttributeNet(nn.Module):
    """Convolutions of 5×5 and stride 2 with batch norm down to 4 pixels, a logit per attribute.

    Args:
        channels, height, width: of the pictures.
        outputs: how many attributes.
        maps: of the first level; each of the next ones has twice as many, at most 128.
    """

    def __init__(
        self, channels: int, height: int, width: int, outputs: int, maps: int = 24
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while min(height, width) >= 8:
            convolution = nn.Conv2d(channels, maps, 5, stride=2, padding=2, bias=False)
            layers += [convolution, nn.BatchNorm2d(maps), nn.ReLU()]
            height, width = -(-height // 2), -(-width // 2)
            channels, maps = maps, min(2 * maps, 128)
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1))
        self.head = nn.Linear(channels * height * width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, m) of pictures (N, C, H, W) in [−1, 1]."""
        return self.head(self.body(x))


class FeatureNet(nn.Module):
    """Maps of a frozen network of features, pooled and standardised, and a logit per attribute.

    Args:
        features: name of the network.
        channels, height, width: of the pictures.
        outputs: how many attributes.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self, features: FeaturesName, channels: int, height: int, width: int, outputs: int
    ) -> None:
        super().__init__()
        self._frozen = (feature_network(features, channels).eval(),)  # in a tuple: no part of this
        blank = torch.zeros(1, channels, height, width)
        size = self.represent(blank).shape[1]
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.head = nn.Linear(size, outputs)

    def represent(self, x: Tensor) -> Tensor:
        """Return features (N, F) of pictures (N, C, H, W) in [−1, 1]."""
        (network,) = self._frozen
        if min(x.shape[2:]) < network.smallest:
            x = F.interpolate(x, scale_factor=-(-network.smallest // min(x.shape[2:])))
        with torch.no_grad():
            maps = network(x)
        pooled = [F.adaptive_avg_pool2d(map, min(SIDE, *map.shape[2:])) for map in maps]
        return torch.cat([part.flatten(1) for part in pooled], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, m) of pictures (N, C, H, W) in [−1, 1]."""
        return self.head((self.represent(x) - self.mean) / self.spread)
