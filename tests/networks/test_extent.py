"""Latents that lie in space: larger samples of generators that are convolutions throughout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ganvas.errors import UsageError
from ganvas.games.dcgan import DCGAN, DCGANConfig
from ganvas.model import load, save_model
from ganvas.model.exemplars import wander
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, MLPGenerator
from ganvas.play import Game, build
from tests.model.conftest import PICTURES
from tests.networks.specs import images, labels

LATENT = 6


def generator(size: int = 16, classes: int = 0, **settings):
    torch.manual_seed(0)
    config = DCGANGenerator(width=4, **settings)
    return config.build(images(3, size, size), LATENT, labels(classes)).eval()


@torch.no_grad()
@pytest.mark.parametrize("settings", [{}, {"norm": "none"}, {"full_resolution": True}])
def test_one_latent_in_space_is_one_latent(settings):
    net, z = generator(**settings), torch.randn(3, LATENT)
    torch.testing.assert_close(net(z[:, :, None, None]), net(z))


@torch.no_grad()
def test_the_projection_of_several_is_a_transposed_convolution_of_stride_1():
    net, z = generator(), torch.randn(2, LATENT, 3, 2)
    channels, height, width = net.start
    weight = net.project.weight.view(channels, height, width, LATENT).permute(3, 0, 1, 2)
    torch.testing.assert_close(net.maps(z, None), F.conv_transpose2d(z, weight))


@torch.no_grad()
@pytest.mark.parametrize(("size", "more"), [(16, 4), (28, 4), (27, 4)])
def test_each_further_latent_adds_two_to_the_number_of_levels(size, more):
    net = generator(size)
    assert net(torch.randn(1, LATENT, 2, 4)).shape == (1, 3, size + more, size + 3 * more)


@torch.no_grad()
def test_what_is_made_moves_with_its_latents():
    net, z = generator(), torch.randn(1, LATENT, 1, 9)
    wide, rest = net(z), net(z[..., 2:])
    inside = slice(24, -4)  # beyond what the two latents that are gone reach, and the left edge
    torch.testing.assert_close(wide[..., 8:][..., inside], rest[..., inside], atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("how", ["concat", "norm"])
def test_labels_are_those_of_all_places(how):
    net, z = generator(classes=3, labels=how), torch.randn(3, LATENT, 2, 2)
    with torch.no_grad():  # tables of gains start equal
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    y = torch.tensor([0, 2, 1])
    x = net(z, y)
    torch.testing.assert_close(net(z, torch.eye(3)[y]), x)
    torch.testing.assert_close(net(z[1:2], y[1:2]), x[1:2])
    assert not torch.allclose(net(z, y.roll(1)), x, atol=1e-3)


def dcgan(**settings) -> Game:
    config = DCGANConfig(
        generator=settings.get("generator", DCGANGenerator(width=4)),
        discriminator=DCGANDiscriminator(width=4),
    )
    return build(DCGAN, config, PICTURES, 0)


def test_models_draw_larger_pictures_by_seed(tmp_path: Path):
    save_model(tmp_path, dcgan())
    model = load(tmp_path, device="cpu")
    x = model.sample(3, extent=[2, 3]).x
    assert x.shape == (3, 20, 24, 1)
    assert (x == model.sample(70, extent=[2, 3]).x[:3]).mean() > 0.999
    standing = model.sample(3, extent=3, statistics="re-estimated").x
    assert standing.shape == (3, 24, 24, 1)
    assert not np.array_equal(standing, model.sample(3, extent=3).x)
    assert wander(model, [(0, 0), (1, 0)], 3, extent=2).shape == (3, 20, 20, 1)
    assert model.interpolate(0, 1, 3, extent=2).shape == (3, 20, 20, 1)


@pytest.mark.parametrize(
    "config", [MLPGenerator(widths=(4,)), DCGANGenerator(width=4, projection_norm="unit")]
)
def test_generators_of_one_size_say_so(config, tmp_path: Path):
    save_model(tmp_path, dcgan(generator=config))
    with pytest.raises(UsageError, match="extent=2x2: this generator makes samples of one size"):
        load(tmp_path, device="cpu").sample(1, extent=2)
