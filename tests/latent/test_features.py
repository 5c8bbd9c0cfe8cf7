"""Pooled maps: explicit windows, and the widths of the sheet's networks."""

from __future__ import annotations

import pytest
import torch

from ganvas.data.domains.images import Images
from ganvas.latent.features import joined, pooled
from ganvas.networks import PRESETS
from ganvas.nn import layers_of


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
    x, images = torch.randn(1, 3, 32, 32), Images(channels=3, height=32, width=32)
    sides = {"newmu32": (28_672, [32, 16, 16, 8, 8, 4]), "newmuSVHN": (7_168, [16, 8, 4])}
    for name, (width, wanted) in sides.items():
        network = PRESETS[name][1].build(images).eval()
        with torch.no_grad():
            found = layers_of(network, lambda: network(x))  # noqa: B023 - called at once
        assert [maps.shape[2] for maps in found.values()] == wanted
        assert joined(found.values()).shape == (1, width)
        assert (joined(found.values()) < 0).any()  # behind the leaky rectifier, not before


def test_small_maps_and_vectors_stay_as_they_are() -> None:
    small, vector = torch.randn(2, 5, 2, 3), torch.randn(2, 7)
    assert torch.equal(pooled(small), small.flatten(1))
    assert torch.equal(pooled(vector), vector)
    assert pooled(torch.randn(2, 5, 8, 8, 8)).shape == (2, 5 * 64)
    assert pooled(torch.randn(2, 5, 16), 2).shape == (2, 10)
