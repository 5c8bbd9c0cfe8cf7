"""What is met inside of networks: layers, dropped maps, guided gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.nn import Gate, MaxOut, dropped, gradient_map, guided, layers_of

torch.manual_seed(0)
X = torch.randn(5, 6)


class Functional(nn.Module):
    """A network that calls its rectifiers as functions, in one module."""

    def __init__(self, rectify: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 7)
        self.last, self.rectify = nn.Linear(7, 1), rectify

    def forward(self, x: Tensor) -> Tensor:
        h = self.rectify(self.first(x))
        return self.last(self.rectify(self.second(h))).squeeze(1)


def modular(of: Functional, act: nn.Module) -> nn.Sequential:
    return nn.Sequential(of.first, act, of.second, act, of.last, nn.Flatten(0))


def gated(net: Functional, x: Tensor, slope: float) -> Tensor:
    """The formula: backwards through each rectifier only what is positive, both ways."""
    a = net.first(x)
    b = net.second(F.leaky_relu(a, slope))
    g = net.last.weight.expand(len(x), -1)
    g = ((b > 0) * g.clamp(min=0)) @ net.second.weight
    return ((a > 0) * g.clamp(min=0)) @ net.first.weight


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_guided_gradients_equal_the_gated_formula(slope: float) -> None:
    def rectify(x: Tensor) -> Tensor:
        return F.leaky_relu(x, slope) if slope else torch.relu(x)

    net = Functional(rectify)
    act = nn.LeakyReLU(slope) if slope else nn.ReLU()
    wanted = gated(net, X, slope)
    assert wanted.abs().max() > 0
    for network in (net, modular(net, act)):
        with guided(network):
            out = network(X)
            found = gradient_map(network, X)
        assert torch.equal(out, net(X))  # what it computes is unchanged
        torch.testing.assert_close(found, wanted)
        assert not torch.allclose(gradient_map(network, X), wanted)  # and afterwards nothing is


def test_a_closed_rectifier_passes_nothing_and_positive_weights_are_plain() -> None:
    net = Functional(F.relu)
    with torch.no_grad():
        for weight in net.parameters():
            weight.abs_()
        net.first.bias.fill_(-100)
    with guided(net):
        assert not gradient_map(net, X).any()
    with torch.no_grad():
        net.first.bias.fill_(1)
    with guided(net):
        found = gradient_map(net, X.abs())
    torch.testing.assert_close(found, gradient_map(net, X.abs()))


def test_layers_are_met_as_modules_and_as_functions() -> None:
    net = Functional(torch.relu)
    found = layers_of(net, lambda: net(X))
    a = F.relu(net.first(X))
    assert list(found) == ["itself", "itself/2"]
    torch.testing.assert_close(found["itself"], a)
    torch.testing.assert_close(found["itself/2"], F.relu(net.second(a)))
    twin = modular(net, nn.ReLU())
    assert list(layers_of(twin, lambda: twin(X))) == ["1"]  # one module, called twice: its last
    whole = nn.Sequential(nn.Linear(6, 8), Gate(), MaxOut(4, 3), nn.Sigmoid())
    assert {k: tuple(v.shape) for k, v in layers_of(whole, lambda: whole(X)).items()} == {
        "1": (5, 4),
        "2": (5, 3),
        "3": (5, 3),
    }
    both = nn.ModuleDict({"a": net, "b": Functional(torch.relu)})
    names = layers_of(both, lambda: [both["a"](X), both["b"](X)])
    assert list(names) == ["a.itself", "a.itself/2", "b.itself", "b.itself/2"]


def test_dropped_maps_are_zero_and_others_as_they_were() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(), nn.Conv2d(4, 2, 3), nn.Tanh())
    x = torch.randn(2, 1, 8, 8)
    plain = layers_of(net, lambda: net(x))
    with dropped(net, "1", []):
        assert torch.equal(net(x), plain["3"])
    with dropped(net, "1", [2, 0]):
        found = layers_of(net, lambda: net(x))
    kept = torch.tensor([0.0, 1, 0, 1])[None, :, None, None]
    assert torch.equal(found["1"], plain["1"] * kept)
    torch.testing.assert_close(found["3"], torch.tanh(net[2](plain["1"] * kept)))
    assert torch.equal(net(x), plain["3"])
