"""Statistics of batch norms: each batch's own, and estimates over passes."""

from __future__ import annotations

import torch
from torch import nn

from ganvas.networks.memory_dcgan import SlimNorm
from ganvas.nn import (
    BatchNorm,
    ConditionalBatchNorm,
    Dropout,
    VirtualStatistics,
    estimated,
    of_each_batch,
    standing,
)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 3, 3), BatchNorm(3), nn.ReLU(), Dropout(0.5), nn.Conv2d(3, 4, 1)
    net = nn.Sequential(*layers, BatchNorm(4))
    for _ in range(3):  # training has left something behind
        net(torch.randn(8, 2, 6, 6) - 3)
    return net.eval()


def passes(network: nn.Module, batches: list[torch.Tensor]):
    return lambda: [network(x) for x in batches]


def test_estimates_are_means_of_the_batches_means_and_variances():
    net, batches = network(), [torch.randn(5, 2, 6, 6) + i for i in range(4)]
    before = {k: v.clone() for k, v in net.state_dict().items()}
    found = estimated(net, passes(net, batches))
    first, second = (found[net[i]] for i in (1, 5))
    maps = [net[0](x) for x in batches]
    wanted = torch.stack([m.mean((0, 2, 3)) for m in maps]).mean(0)
    torch.testing.assert_close(first["running_mean"], wanted)
    wanted = torch.stack([m.transpose(0, 1).flatten(1).var(1) for m in maps]).mean(0)
    torch.testing.assert_close(first["running_var"], wanted)
    # what comes after a norm sees what its batch made of it, and dropout stays asleep
    inner = [nn.functional.batch_norm(m, None, None, training=True).relu() for m in maps]
    wanted = torch.stack([net[4](h).mean((0, 2, 3)) for h in inner]).mean(0)
    torch.testing.assert_close(second["running_mean"], wanted)
    # the network is as it was
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not any(m.training for m in net.modules())


def test_pooled_estimates_are_those_of_all_batches_as_one():
    net, batches = network(), [torch.randn(5, 2, 6, 6) + i for i in range(4)]
    together = net[0](torch.cat(batches)).transpose(0, 1).flatten(1)
    found = estimated(net, passes(net, batches), pooled=True)[net[1]]
    torch.testing.assert_close(found["running_mean"], together.mean(1))
    # within batches n − 1 stands in the place of n
    within = torch.stack([net[0](x).transpose(0, 1).flatten(1).var(1) for x in batches]).mean(0)
    wanted = together.var(1, correction=0) + within / (5 * 16)
    torch.testing.assert_close(found["running_var"], wanted)
    assert not net[1]._forward_pre_hooks


def test_estimates_stand_in_for_a_block():
    net, x = network(), torch.randn(4, 2, 6, 6)
    plain = net(x)
    with standing(estimated(net, passes(net, [x]))):
        stood = net(x)
    assert torch.equal(net(x), plain)
    with of_each_batch(net):
        own = net(x)
        assert torch.equal(net(x), own)
    # of one batch they differ by n − 1 in the place of n alone: 64 numbers of each map
    torch.testing.assert_close(stood, own, atol=0.05, rtol=0.05)
    assert not torch.allclose(stood, plain, atol=0.2)
    assert torch.equal(net(x), plain)


def test_only_norms_that_are_passed_and_have_statistics_of_their_own():
    used, aside, bound = BatchNorm(3), BatchNorm(3), BatchNorm(3)
    bound.virtual = VirtualStatistics()
    bound.virtual.collecting = True
    net = nn.ModuleList([used, aside, bound]).eval()
    found = estimated(net, lambda: bound(used(torch.randn(6, 3))))
    assert list(found) == [used]


def test_norms_of_other_kinds_keep_what_is_theirs():
    slim, conditional = SlimNorm(3, momentum=0.001), ConditionalBatchNorm(3, classes=2)
    net = nn.ModuleList([slim, conditional]).eval()
    x, y = 5 + 2 * torch.randn(400, 3), torch.arange(400) % 2
    found = estimated(net, lambda: conditional(slim(x), y))
    assert found[slim]["running_share"] == 1  # nothing of the start is left in them
    with standing(found):
        torch.testing.assert_close(slim(x).mean(0), torch.zeros(3), atol=1e-4, rtol=0)
        assert slim(x).std(0).sub(1).abs().max() < 0.01
    assert slim.momentum == 0.001
