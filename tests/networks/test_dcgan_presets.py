"""Newmu's networks: the tables of the first author's code, layer by layer."""

from __future__ import annotations

import torch
from torch import nn

from ganvas.networks import PRESETS, DCGANGenerator
from ganvas.networks.dcgan import with_places
from ganvas.networks.dcgan_labelled import LabelledDiscriminator, LabelledGenerator, beside
from ganvas.nn import BatchNorm
from tests.networks.specs import images, labels

Row = tuple[int, int, tuple[int, ...]]


def table(network: nn.Module, *inputs: torch.Tensor) -> list[Row]:
    """Return inputs, outputs and the maps' sides of every layer with weights, as they are used."""
    rows: list[Row] = []

    def note(layer: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        rows.append((given[0].shape[1], made.shape[1], tuple(made.shape[2:])))

    kinds = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
    for layer in network.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(note)
    network(*inputs)
    return rows


def test_the_32_pixel_networks_alternate_strides_of_2_and_1():
    with torch.device("meta"):
        spec, z, x = images(3, 32, 32), torch.randn(2, 256), torch.randn(2, 3, 32, 32)
        g, d = (
            part.build(spec, *a) for part, a in zip(PRESETS["newmu32"], ([256], []), strict=True)
        )
        assert table(g, z) == [
            (256, 8192, ()),
            *[(512, 512, (8, 8)), (512, 256, (8, 8))],
            *[(256, 256, (16, 16)), (256, 128, (16, 16))],
            *[(128, 128, (32, 32)), (128, 3, (32, 32))],
        ]
        assert table(d, x) == [
            *[(3, 128, (32, 32)), (128, 128, (16, 16))],
            *[(128, 256, (16, 16)), (256, 256, (8, 8))],
            *[(256, 512, (8, 8)), (512, 512, (4, 4))],
            (8192, 1, ()),
        ]
    assert g.project_norm.channels == 8192  # by unit, before it is reshaped
    assert not isinstance(d.blocks[0].norm, BatchNorm)
    assert all(isinstance(block.norm, BatchNorm) for block in d.blocks[1:])


def test_maps_of_places_run_from_edge_to_edge() -> None:
    x = with_places(torch.zeros(2, 3, 5, 9))
    assert x.shape == (2, 5, 5, 9)
    assert torch.allclose(x[1, 3], torch.arange(-4, 5) / 4 * torch.ones(5, 1))
    assert torch.allclose(x[1, 4], (torch.arange(-2, 3) / 2)[:, None] * torch.ones(9))


def test_a_generator_that_is_told_places_needs_no_maps_to_tell_them_by() -> None:
    """Of first maps that are the same everywhere others draw the same everywhere, edges apart."""
    for places in (False, True):
        config = DCGANGenerator(width=4, stages=2, extra=1, norm="none", places=places)
        net = config.build(images(1, 64, 64), 6).eval()
        with torch.no_grad():
            for layer in net.modules():
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    layer.weight.normal_(0, 0.3)
            net.project.weight.zero_()
            net.project.bias.fill_(1)
            x = net(torch.randn(1, 6))
        # A square of 4 pixels is one first place.
        apart = (x[..., 24:28, 24:28] - x[..., 36:40, 36:40]).abs().max()
        assert (apart > 0.01) == places
        assert net.extends != places


def test_the_svhn_networks_double_and_halve_exactly():
    with torch.device("meta"):
        spec, x = images(3, 32, 32), torch.randn(2, 3, 32, 32)
        g, d = PRESETS["newmuSVHN"][0].build(spec, 100), PRESETS["newmuSVHN"][1].build(spec)
        assert table(g, torch.randn(2, 100))[1:] == [
            *[(256, 128, (8, 8)), (128, 64, (16, 16)), (64, 3, (32, 32))]
        ]
        assert table(d, x)[:-1] == [(3, 64, (16, 16)), (64, 128, (8, 8)), (128, 256, (4, 4))]
    assert d.head.score.in_features == 4096


def test_labels_join_every_layer_of_the_conditional_mnist_networks():
    with torch.device("meta"):
        spec, y = images(1, 28, 28), torch.zeros(2, dtype=torch.int64)
        g = PRESETS["newmuMNIST"][0].build(spec, 100, labels(10))
        d = PRESETS["newmuMNIST"][1].build(spec, labels(10))
        wanted = [(110, 1024, ()), (1034, 6272, ()), (138, 64, (14, 14)), (74, 1, (28, 28))]
        assert table(g, torch.randn(2, 100), y) == wanted
        wanted = [(11, 64, (14, 14)), (74, 128, (7, 7)), (6282, 1024, ()), (1034, 1, ())]
        assert table(d, torch.randn(2, 1, 28, 28), y) == wanted
    for network, norms in ((g, 3), (d, 2)):
        found = [m for m in network.modules() if isinstance(m, BatchNorm)]
        assert len(found) == norms
        assert not any(True for norm in found for _ in norm.parameters())  # no gain, no offset
        layers = (m for m in network.modules() if getattr(m, "weight", None) is not None)
        assert all(getattr(m, "bias", None) is None for m in layers)


def test_label_maps_are_constant_over_space():
    x, weights = torch.randn(2, 3, 4, 5), torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    joined = beside(x, weights)
    assert torch.equal(joined[:, :3], x)
    assert torch.equal(joined[:, 3:], weights[:, :, None, None].expand(2, 2, 4, 5))
    assert torch.equal(beside(torch.ones(2, 3), weights)[:, 3:], weights)


def test_pixels_of_the_conditional_mnist_networks_are_a_sigmoid():
    net = LabelledGenerator(width=4, hidden=8).build(images(1, 12, 12), 5, labels(2))
    x = net(torch.randn(6, 5), torch.arange(6) % 2)
    assert x.shape == (6, 1, 12, 12)
    assert ((x + 1) / 2).min() >= 0
    assert ((x + 1) / 2).max() <= 1
    critic = LabelledDiscriminator(width=4, hidden=8).build(images(1, 12, 12), labels(2))
    moved = critic(x, torch.arange(6) % 2) - critic(x, (torch.arange(6) + 1) % 2)
    assert moved.abs().max() > 0
