"""Feature networks: what they see, and the weights that `make data` brings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from ganvas.data.standard import data_root
from ganvas.errors import UsageError
from ganvas.networks.perceptual import (
    VGG,
    RandomFeatures,
    VggFeatures,
    blurred,
    feature_network,
    gram,
)


def state() -> dict[str, torch.Tensor]:
    """Return random weights under the names of the package's file."""
    rng, found, before, first = torch.Generator().manual_seed(0), {}, 3, 0
    for depth, widths in enumerate(VggFeatures.depths, 1):
        first += 2 if depth > 1 else 0
        for width in widths:
            shape = (width, before, 3, 3)
            found[f"net.slice{depth}.{first}.weight"] = torch.randn(shape, generator=rng) * 0.05
            found[f"net.slice{depth}.{first}.bias"] = torch.zeros(width)
            before, first = width, first + 2
        found[f"lin{depth - 1}.model.1.weight"] = torch.rand(1, width, 1, 1, generator=rng)
    return found


def test_maps_of_the_vgg_and_what_it_refuses():
    net = VggFeatures(state())
    assert sum(p.numel() for p in net.parameters()) == 14_714_688  # VGG-16's convolutions
    maps = net(torch.randn(1, 1, 20, 18))
    assert [m.shape[1] for m in maps] == [64, 128, 256, 512, 512]
    with pytest.raises(UsageError, match=r"from 18 pixels on, not of 20×16.*random-conv"):
        net(torch.randn(1, 3, 20, 16))
    with pytest.raises(UsageError, match="3 channels, not of 2"):
        net(torch.randn(1, 2, 20, 20))


def test_the_filter_after_a_maximum_keeps_constants_and_removes_stripes():
    assert torch.allclose(blurred(torch.ones(1, 2, 6, 7)), torch.ones(1, 2, 4, 5))
    stripes = (torch.arange(8) % 2).float().expand(1, 1, 8, 8)
    assert torch.allclose(blurred(stripes)[..., 1:-1], torch.tensor(0.5))


def test_distances_are_those_of_unit_pixels():
    net, (a, b) = RandomFeatures(2), torch.randn(2, 3, 2, 16, 16)
    by_hand = torch.zeros(3)
    for left, right in zip(net(a), net(b), strict=True):
        cosine = F.cosine_similarity(left, right, dim=1)
        by_hand += (2 - 2 * cosine).mean((1, 2))  # |u − v|² = 2 − 2⟨u, v⟩
    torch.testing.assert_close(net.distance(a, b), by_hand, atol=1e-4, rtol=1e-4)
    assert torch.equal(net.distance(a, a), torch.zeros(3))


def test_gram_matrices_forget_where_things_are():
    x = torch.randn(2, 3, 4, 5)
    shuffled = x.flatten(2)[..., torch.randperm(20)].view_as(x)
    torch.testing.assert_close(gram(x), gram(shuffled))
    torch.testing.assert_close(gram(x)[0, 0, 1], (x[0, 0] * x[0, 1]).sum() / 60)


def test_gradients_reach_images_and_no_weight():
    net, x = RandomFeatures(3), torch.randn(2, 3, 16, 16, requires_grad=True)
    sum(m.sum() for m in net(x)).backward()
    assert x.grad is not None
    assert not list(net.parameters())


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GANVAS_DATA", str(tmp_path))
    with pytest.raises(
        UsageError, match=r"weights of vgg16_shift_tolerant.*make data.*random-conv"
    ):
        feature_network(VGG)
    (tmp_path / VGG).mkdir()
    (tmp_path / VGG / "vgg_shift_tolerant.pth").write_bytes(os.urandom(100))
    with pytest.raises(UsageError, match="does not hold the weights"):
        feature_network(VGG)


@pytest.mark.skipif(not (data_root() / VGG).is_dir(), reason="the weights are not there")
def test_the_published_weights_see_what_they_were_measured_to_see():
    """More noise is farther away, a shift by a pixel is near, and nothing is nearer than itself."""
    net = feature_network(VGG)
    rng = torch.Generator().manual_seed(0)
    coarse = torch.randn(8, 3, 5, 5, generator=rng)
    x = F.interpolate(coarse, 64, mode="bicubic").clamp(-1, 1)
    noise = torch.randn(x.shape, generator=rng)
    far = [net.distance(x, (x + s * noise).clamp(-1, 1)).mean() for s in (0.1, 0.3, 0.6)]
    assert far == sorted(far)
    assert far[0] > 3 * net.distance(x, x.roll(1, 3)).mean() > 0
    assert torch.equal(net.distance(x, x), torch.zeros(8))
