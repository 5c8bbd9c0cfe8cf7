"""Pooled maps: explicit windows, and the widths of the sheet's networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganvas.data.domains.images import Images
from ganvas.latent.features import joined, pooled
from ganvas.networks import DCGANDiscriminator
from ganvas.nn import layers_of

IMAGENET = [(3, 128, 1), (128, 128, 2), (128, 256, 1), (256, 256, 2), (256, 512, 1), (512, 512, 2)]
"""Inputs, outputs and strides of the 32×32 ImageNet discriminator's 3×3 convolutions."""


def imagenet(narrower: int = 1) -> nn.Sequential:
    blocks = [
        nn.Sequential(
            nn.Conv2d(max(a // narrower, 3), b // narrower, 3, stride, 1), nn.LeakyReLU(0.2)
        )
        for a, b, stride in IMAGENET
    ]
    return nn.Sequential(*blocks)


@pytest.mark.parametrize("side", [32, 16, 8, 4])
def test_pooling_equals_explicit_windows(side: int) -> None:
    maps, window = torch.randn(2, 3, side, side), side // 4
    wanted = torch.stack(
        [
            maps[:, :, i * window : (i + 1) * window, j * window : (j + 1) * window].amax((2, 3))
            for i in range(4)
            for j in range(4)
        ],
        dim=2,
    )
    assert torch.equal(pooled(maps), wanted.flatten(1))


def test_features_of_the_published_networks_are_so_many() -> None:
    """28,672 of the 32×32 ImageNet network, windows 8, 4, 4, 2, 2, 1; 7,168 of SVHN's."""
    x = torch.randn(1, 3, 32, 32)
    net = imagenet(narrower=16)
    maps = layers_of(net, lambda: net(x))
    assert [32 // (m.shape[2] * 1) for m in maps.values()] == [1, 2, 2, 4, 4, 8]
    assert 16 * joined(maps.values()).shape[1] == 28_672
    svhn = DCGANDiscriminator(kernel=5, stages=3).build(Images(channels=3, height=32, width=32))
    found = layers_of(svhn, lambda: svhn(x))
    assert joined(found.values()).shape == (1, 7_168)
    assert (joined(found.values()) < 0).any()  # behind the leaky rectifier, not before


def test_small_maps_and_vectors_stay_as_they_are() -> None:
    small, vector = torch.randn(2, 5, 2, 3), torch.randn(2, 7)
    assert torch.equal(pooled(small), small.flatten(1))
    assert torch.equal(pooled(vector), vector)
    assert pooled(torch.randn(2, 5, 8, 8, 8)).shape == (2, 5 * 64)
    assert pooled(torch.randn(2, 5, 16), 2).shape == (2, 10)
