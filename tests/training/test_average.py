"""Averaged weights bring along what belongs to them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ganvas.networks.memory_dcgan import SlimNorm
from ganvas.nn import sn
from ganvas.training.average import MovingAverage
from ganvas.training.settings import Average


def normalised() -> nn.Sequential:
    """Return a generator under spectral normalisation."""
    return sn(
        nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 5))
    )


def largest(network: nn.Sequential) -> list[float]:
    """Return the exact largest singular value of each layer's weight, as the layer uses it."""
    layers = [layer for layer in network.eval() if isinstance(layer, nn.Linear)]
    return [torch.linalg.svdvals(layer.weight.double()).max().item() for layer in layers]


def drift(network: nn.Sequential, rounds: int) -> None:
    """Move the weights as training does: each pass takes one step of power iteration."""
    for layer in network:
        if parametrize.is_parametrized(layer):
            weight = layer.parametrizations.weight.original
            with torch.no_grad():
                weight.add_(0.5 * torch.randn_like(weight))
    for _ in range(rounds):
        network.train()(torch.randn(2, 6))


def test_averaged_weights_are_normalised_by_their_own_singular_vectors() -> None:
    network = normalised()
    average = MovingAverage([network], Average(half_life=0.1, ramp_up=0))
    for _ in range(10):
        drift(network, 30)
        average.update(20, 1000, 0.0)
    live = copy.deepcopy(network.state_dict())
    with average.applied():
        assert largest(network) == pytest.approx([1.0] * 3, abs=1e-4)
        inside = network.eval()(torch.ones(1, 6))
        assert not torch.equal(
            network[0].parametrizations.weight[0].u, live["0.parametrizations.weight.0.u"]
        )
    assert all(torch.equal(network.state_dict()[name], value) for name, value in live.items())
    with average.applied():  # and again the same, from the same state
        assert torch.equal(network.eval()(torch.ones(1, 6)), inside)


def test_without_an_average_the_vectors_are_those_of_training() -> None:
    network = normalised()
    drift(network, 1)
    before = network[0].parametrizations.weight[0].u.clone()
    with MovingAverage([network], None).applied():
        assert torch.equal(network[0].parametrizations.weight[0].u, before)


@pytest.mark.parametrize("momentum", [0.001, 0.1])
def test_averaged_slim_norms_are_free_of_their_start(momentum: float) -> None:
    """A start of mean 0 and variance 1 has a share in every average, none in the estimate."""
    norm, noise = SlimNorm(3, momentum), torch.Generator().manual_seed(0)
    average = MovingAverage([norm], Average(half_life=0.5, ramp_up=0))
    shares = torch.zeros(0, dtype=torch.float64)
    batches = [0.02 * torch.randn(64, 3, generator=noise) + 0.01 for _ in range(30)]
    decay = average.decay(64, 1000, 0.0)
    for t, batch in enumerate(batches):
        norm.train()(batch)
        average.update(64, 1000, 0.0)
        # What batch i weighs in the running statistics of round t, and then in their average.
        now = torch.tensor([momentum * (1 - momentum) ** (t - i) for i in range(t + 1)]).double()
        before = torch.cat([shares, torch.zeros(1, dtype=torch.float64)])
        shares = decay * before + (1 - decay) * now
    weights = (shares / shares.sum()).float()
    mean = weights @ torch.stack([batch.mean(0) for batch in batches])
    var = weights @ torch.stack([batch.var(0) for batch in batches])
    with average.applied():
        found = norm.statistics()
        torch.testing.assert_close(found[0], mean, rtol=1e-3, atol=1e-6)
        torch.testing.assert_close(found[1], var, rtol=0, atol=5e-5)


def test_before_its_start_the_average_is_the_last_iterate_and_then_exactly_a_mean() -> None:
    network = nn.Linear(2, 1, bias=False)
    average = MovingAverage([network], Average(half_life=0.1, ramp_up=0, start=1.0))
    for seen, weights in ((500, [1.0, 5.0]), (1000, [2.0, -3.0])):
        network.weight.data[0] = torch.tensor(weights)
        average.update(50, seen, 0.0)
        assert torch.equal(average.values[0], network.weight)
    network.weight.data[0] = torch.tensor([4.0, 1.0])
    average.update(50, 1050, 0.0)
    d = 0.5 ** (50 / 100)
    wanted = d * torch.tensor([[2.0, -3.0]]) + (1 - d) * torch.tensor([[4.0, 1.0]])
    torch.testing.assert_close(average.values[0], wanted)
