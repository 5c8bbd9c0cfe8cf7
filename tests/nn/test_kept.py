"""What a pass keeps: counted by hand, and the memory of TGANv2's critics."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
import torch
from torch import nn

from ganvas.data.domains.videos import Videos
from ganvas.networks.video.tganv2 import TGANv2Discriminator
from ganvas.nn import Pyramid, kept_bytes

MB = 1e6


def test_what_a_pass_keeps_by_hand() -> None:
    """x of a linear layer, and its rectified output, which the next layer is given, once."""
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
    x = torch.randn(10, 4)
    parameters = list(net.parameters())
    assert kept_bytes(lambda: net(x), parameters) == 4 * (10 * 4 + 10 * 6)
    everything = kept_bytes(lambda: net(x))
    assert everything > kept_bytes(lambda: net(x), parameters)


@cache
def critics(side: int, frames: int, stride: int, levels: int = 4) -> float:
    """Return megabytes that the paper's critics keep of one clip at all levels."""
    pyramid = Pyramid((3, frames, side, side), (stride,) * (levels - 1))
    clips = Videos(channels=3, frames=frames, height=side, width=side)
    with torch.device("meta"):
        net = TGANv2Discriminator(levels=levels).build(clips)
        net.pyramid = pyramid
        x = pyramid.packed([torch.empty(1, *shape) for shape in pyramid.shapes])
        return kept_bytes(lambda: net(x), net.parameters()) / MB


def test_memory_falls_with_the_frames_that_are_left_out() -> None:
    """Five-fold with every second frame, eight-fold with every fourth: 5.2 and 8.4 in the paper."""
    naive = critics(192, 16, 1)
    assert naive / critics(192, 16, 2) >= 5
    assert naive / critics(192, 16, 4) >= 8
    assert naive == pytest.approx(830, rel=0.25)


def test_memory_is_linear_in_the_side() -> None:
    """A side twice as long with one level more costs twice as much; four times if all is kept."""
    sides = {96: 3, 192: 4, 384: 5}
    few, all_ = ([critics(s, 64, stride, n) for s, n in sides.items()] for stride in (2, 1))
    assert all(b / a <= 2.25 for a, b in pairwise(few))
    assert all(b / a >= 3.9 for a, b in pairwise(all_))
