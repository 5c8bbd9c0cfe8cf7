"""The transfer network: sizes, the switch, and what it does with a constant."""

import pytest
import torch

from ganvas.errors import UsageError
from ganvas.networks.transfer import TransferNetwork
from ganvas.nn import Upsample
from tests.networks.specs import images


@pytest.mark.parametrize("name", Upsample.__args__)
def test_a_transfer_network_takes_every_upsampler(name):
    torch.manual_seed(0)
    net = TransferNetwork(width=4, blocks=1, upsample=name).build(images(3, 16, 20))
    x = torch.rand(2, 3, 16, 20) * 2 - 1
    y = net(x)
    assert y.shape == x.shape
    assert y.abs().max() <= 1
    y.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_sides_that_cannot_be_halved_twice_are_refused():
    with pytest.raises(UsageError, match=r"data.size=20 data.resize=fit-crop"):
        TransferNetwork().build(images(3, 18, 20))
