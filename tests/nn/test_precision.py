"""Networks that round inside: bfloat16 between inputs and answers in single precision."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.domains.images import Images
from ganvas.networks import DCGANDiscriminator
from ganvas.nn import BatchNorm, exactly, round_inside, sn, widen


class Net(nn.Module):
    """A convolution and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = BatchNorm(8)
        self.last = nn.Linear(8 * 16, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.norm(self.conv(x)))
        return self.last(h.flatten(1)), torch.arange(len(x))


def inside(net: Net, x: Tensor) -> tuple[torch.dtype, Tensor]:
    """Return the type of the hidden layer, and the answer."""
    seen: list[torch.dtype] = []
    hook = net.conv.register_forward_hook(lambda *told: seen.append(told[2].dtype))
    answer, whole = net(x)
    hook.remove()
    assert whole.dtype == torch.int64
    return seen[0], answer


def test_a_network_rounds_inside_and_answers_in_single_precision() -> None:
    net, x = Net().eval(), torch.randn(4, 3, 4, 4)
    kind, (wanted, _) = type(net), net(x)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, _ = net(x)
    round_inside(net)
    assert isinstance(net, kind)
    assert inside(net, x)[0] == torch.bfloat16
    assert inside(net, x)[1].equal(rounded.float())
    assert all(p.dtype == torch.float32 for p in net.parameters())
    assert net.forward(x)[0].equal(wanted)  # what penalties call
    with exactly():
        assert inside(net, x)[1].equal(wanted)
    twin = copy.deepcopy(net)
    nn.init.zeros_(net.last.weight)
    assert inside(twin, x)[1].equal(rounded.float())
    round_inside(twin, on=False)
    assert type(twin) is kind
    assert inside(twin, x)[1].equal(wanted)


def test_each_call_sees_the_weights_as_they_are() -> None:
    """A cache of rounded weights would outlive the step between two calls."""
    net = nn.Linear(4, 1)
    round_inside(net)
    with torch.autocast("cpu", torch.bfloat16):
        before = net(torch.ones(1, 4))
        with torch.no_grad():
            net.weight.add_(1)
        assert (net(torch.ones(1, 4)) - before).item() == pytest.approx(4, abs=0.1)


def test_gradients_are_single_and_near_the_exact_ones() -> None:
    net, x = Net(), torch.randn(16, 3, 4, 4)
    exact, rounded = (
        torch.autograd.grad(net(x)[0].square().mean(), [*net.parameters()])
        for on in (False, True)
        if round_inside(net, on) is None
    )
    for a, b in zip(exact, rounded, strict=True):
        assert b.dtype == torch.float32
        assert (a - b).norm() < 0.1 * a.norm() + 1e-3
    assert not exact[0].equal(rounded[0])


def test_heads_batch_statistics_and_power_iteration_stay_in_single_precision() -> None:
    """Logits of rounded features are those of the head in single precision, to its last bits."""
    net = sn(nn.Sequential(nn.Conv2d(3, 16, 3), BatchNorm(16), nn.Flatten(), nn.Linear(64, 64)))
    reference = copy.deepcopy(net)
    x = torch.randn(64, 3, 4, 4)
    round_inside(net)
    for twin in (net, reference):
        twin(x)
    u, wanted = (dict(twin.named_buffers()) for twin in (net, reference))
    for name in u:
        if name.endswith(".u"):
            assert u[name].equal(wanted[name])
    mean, exact = u["1.running_mean"], wanted["1.running_mean"]
    assert mean.dtype == torch.float32
    assert not mean.bfloat16().float().equal(mean)  # kept finer than what it is the mean of
    assert torch.allclose(mean, exact, atol=1e-3)


def test_a_head_computes_logits_of_rounded_features_in_single_precision() -> None:
    net = DCGANDiscriminator(width=8, stages=2).build(Images(channels=3, height=8, width=8)).eval()
    round_inside(net)
    x = torch.randn(32, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        h = net.features(x)
    logits = net(x)
    assert h.dtype == torch.bfloat16
    assert logits.equal(net.head(widen(h)))
    assert not logits.bfloat16().float().equal(logits)
