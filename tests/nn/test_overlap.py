"""How often pixels are written: the article's numbers, and the layers themselves."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganvas.nn.overlap import Strided, is_even, overlap, overlap_map, taps, uneven

COUNTS = {
    (2, 2): (1, 1),
    (3, 2): (2, 1),
    (4, 2): (2, 2),
    (5, 2): (3, 2),
    (6, 3): (2, 2, 2),
    (4, 3): (2, 1, 1),
    (5, 3): (2, 2, 1),
    (1, 2): (1, 0),
}


@pytest.mark.parametrize(("kernel", "stride"), COUNTS)
def test_taps_of_the_article(kernel, stride):
    counts = taps(kernel, stride)
    assert counts == COUNTS[kernel, stride]
    assert is_even(kernel, stride) == (len(set(counts)) == 1)
    inside = overlap(9, [Strided(kernel, stride)])[2 * stride : 8 * stride]
    assert inside[:stride].tolist() == list(counts)
    assert torch.equal(inside[stride:], inside[:-stride])  # periodic


def test_unevenness_is_squared_in_two_dimensions():
    inside = overlap_map((6, 6), [[Strided(3, 2)]] * 2)[4:-4, 4:-4]
    assert sorted(set(inside.flatten().tolist())) == [1, 2, 4]
    assert inside[:2, :2].tolist() == [[4, 2], [2, 1]]
    even = overlap_map((6, 6), [[Strided(4, 2)]] * 2)[4:-4, 4:-4]
    assert even.min() == even.max()


@pytest.mark.parametrize(
    "layer", [Strided(3, 2), Strided(5, 2, 2, 1), Strided(4, 2, 1), Strided(5, 3, 1, 2)]
)
def test_maps_are_transposed_convolutions_of_ones_borders_too(layer):
    ones = torch.ones(1, 1, layer.kernel, layer.kernel)
    how = (layer.stride, layer.padding, layer.more)
    single = F.conv_transpose2d(torch.ones(1, 1, 4, 5), ones, None, *how)
    assert torch.equal(overlap_map((4, 5), [[layer]] * 2), single[0, 0])
    twice = F.conv_transpose2d(single, ones, None, *how)
    assert torch.equal(overlap_map((4, 5), [[layer] * 2] * 2), twice[0, 0])


def test_patterns_of_stacked_layers_have_longer_periods():
    inside = overlap(12, [Strided(3, 2), Strided(3, 2)])[8:-8]
    assert torch.equal(inside[4:], inside[:-4])
    assert not torch.equal(inside[2:], inside[:-2])


@pytest.mark.parametrize(("kernel", "ratio"), [(3, 2), (4, 1)])
def test_the_gradient_of_a_strided_convolution_is_the_overlap_map(kernel, ratio):
    conv = nn.Conv2d(1, 1, kernel, 2, bias=False)
    nn.init.ones_(conv.weight)
    x = torch.zeros(1, 1, 21, 21, requires_grad=True)
    (slope,) = torch.autograd.grad(conv(x).sum(), x)
    inside = slope[0, 0, 4:-6, 4:-6]
    assert inside.max() / inside.min() == ratio**2
    assert inside[0].max() / inside[0].min() == ratio


def test_uneven_layers_are_named():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 5, 2),
        nn.Conv2d(4, 4, 4, 2),
        nn.ConvTranspose2d(4, 3, 3, 2),
        nn.Conv2d(3, 3, 3),
    )
    first, second = uneven(network)
    assert (first.name, first.enlarges) == ("0", False)
    assert (second.name, second.kernel, second.stride, second.enlarges) == ("2", 3, 2, True)
