"""Bounds on the slope: exact where a network is linear, never exceeded where it is not."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganvas.networks import PRESETS
from ganvas.networks.base import Head
from ganvas.nn import BilinearDown, LayerNorm, SpectralNorm, lipschitz, sn
from ganvas.nn.lipschitz import operator_norm
from tests.networks.specs import images, labels, points


def true_norm(layer: nn.Module, shape: tuple[int, ...]) -> float:
    """Return the norm of a linear map without bias on inputs of one shape, from its matrix."""
    units = torch.eye(math.prod(shape), dtype=torch.float64).unflatten(1, shape)
    with torch.no_grad():
        return torch.linalg.matrix_norm(layer.double()(units).flatten(1), 2).item()


def test_a_linear_layer_has_its_spectral_norm():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    assert operator_norm(layer) == pytest.approx(3)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(2, 3, 3, padding=1, bias=False), (2, 6, 6)),
        (nn.Conv2d(2, 3, 4, 2, 1, bias=False), (2, 6, 6)),
        (nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False), (4, 6, 6)),
        (nn.Conv2d(3, 2, 1, bias=False), (3, 4, 4)),
        (nn.Conv2d(2, 3, 5, 2, 2, bias=False), (2, 7, 7)),
        (nn.ConvTranspose2d(2, 3, 4, 2, 1, bias=False), (2, 4, 4)),
        (nn.Conv1d(2, 3, 3, padding=1, bias=False), (2, 8)),
    ],
    ids=str,
)
def test_convolutions_are_bounded(layer: nn.Module, shape: tuple[int, ...]):
    torch.manual_seed(0)
    true = true_norm(layer, shape)
    assert true <= operator_norm(layer) * (1 + 1e-6)
    assert operator_norm(layer) <= 5 * true


def test_the_bound_of_a_convolution_is_reached_by_a_constant_kernel():
    # nine ones: the matrix has norm 3, the convolution tends to 9 = 3·√9
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(layer.weight)
    assert operator_norm(layer) == pytest.approx(9)
    assert true_norm(layer, (1, 24, 24)) > 8.8


def test_bilinear_halving_never_exceeds_one_half():
    assert 0.45 < true_norm(BilinearDown(), (1, 12, 12)) <= lipschitz(BilinearDown())


def test_a_chain_multiplies_and_an_unknown_layer_has_no_bound():
    layers = [nn.Linear(3, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1)]
    expected = operator_norm(layers[0]) * operator_norm(layers[2])
    assert lipschitz(nn.Sequential(*layers)) == pytest.approx(expected)
    assert lipschitz(nn.LeakyReLU(3.0)) == 3
    assert lipschitz(nn.Sequential(layers[0], LayerNorm(5))) == math.inf


def test_spectral_normalisation_brings_the_bound_to_one_and_stays_still():
    chain = sn(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4))).train()
    norms = [m for m in chain.modules() if isinstance(m, SpectralNorm)]
    for layer, norm in zip((chain[0], chain[2]), norms, strict=True):
        norm.warm_up(layer.parametrizations.weight.original, 200)
    before = [norm.u.clone() for norm in norms]
    assert lipschitz(chain) == pytest.approx(1, abs=1e-4)
    assert all(map(torch.equal, before, (norm.u for norm in norms)))


def test_a_table_of_classes_joins_the_score():
    head = Head(4, 3, "projection")
    h = torch.randn(3, 4, requires_grad=True)
    (slopes,) = torch.autograd.grad(head(h, torch.arange(3)).sum(), h)
    assert lipschitz(head) == pytest.approx(slopes.norm(dim=1).max().item(), rel=1e-5)


CRITICS: dict[str, tuple[str, dict[str, Any], Any, int]] = {
    "mlp": ("toyW", {"widths": (16, 16), "input_scale": 5.0}, points(2), 0),
    "mlp with labels": ("toyW", {"widths": (16, 16), "labels": "concat"}, points(2), 3),
    "sndcgan": ("sndcgan", {"width": 4}, images(1, 14, 14), 3),
    "resnet, sum": ("resnetSN", {"width": 4}, images(3, 16, 16), 3),
    "resnet, mean": ("resnetW", {"width": 4}, images(3, 16, 16), 0),
    "smR": ("smR", {"width": 8, "group_width": 4}, images(1, 14, 14), 0),
}


@pytest.mark.parametrize("name", CRITICS)
def test_no_discriminator_is_steeper_than_its_bound(name: str):
    torch.manual_seed(0)
    preset, changes, spec, classes = CRITICS[name]
    critic = PRESETS[preset][1].model_copy(update=changes).build(spec, labels(classes))
    for parameter in critic.parameters():  # blocks that start at 0 take part, too
        parameter.data += 0.1 * torch.randn_like(parameter)
    critic.eval()
    x, x_far = torch.randn(2, 50, *spec.shape)
    y = torch.arange(50) % classes if classes else None
    bound = critic.lipschitz()

    def score(x: Tensor) -> Tensor:
        return critic(x, y)

    x.requires_grad_()
    (slope,) = torch.autograd.grad(score(x).sum(), x)
    assert 0 < slope.flatten(1).norm(dim=1).max() <= bound
    rise = (score(x) - score(x_far)).abs() / (x - x_far).flatten(1).norm(dim=1)
    assert rise.max() <= bound


def test_batch_norm_has_no_bound():
    assert PRESETS["dcgan"][1].build(images(1, 16, 16)).lipschitz() == math.inf
