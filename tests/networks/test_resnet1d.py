"""One-dimensional residual networks: sizes, shares, and the formula of a block."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from ganvas.data.domains.text import Text
from ganvas.errors import UsageError
from ganvas.networks import PRESETS
from ganvas.networks.resnet1d import SequenceBlock, SequenceDiscriminator, SequenceGenerator
from tests.networks.specs import images, labels, points

TINY = {"width": 6, "blocks": 2, "kernel": 3}


def text(signs: int, length: int) -> Text:
    return Text(length=length, characters="".join(chr(0x4E00 + i) for i in range(signs - 2)))


@pytest.mark.parametrize("signs", [20, 2048])
def test_the_papers_counts(signs: int) -> None:
    generator, critic = PRESETS["textW"]
    with torch.device("meta"):
        nets = generator.build(text(signs, 32), 128), critic.build(text(signs, 32))
    found = [sum(p.numel() for p in net.parameters()) for net in nets]
    assert found == [15_225_856 + 513 * signs, 13_129_217 + 512 * signs]


def test_every_place_of_a_sample_has_shares_that_sum_to_one() -> None:
    net = SequenceGenerator.model_validate(TINY).build(text(7, 5), 4)
    x = net(torch.randn(3, 4))
    assert x.shape == (3, 7, 5)
    assert torch.allclose(x.sum(1), torch.ones(3, 5))
    assert (x > 0).all()


def test_a_block_adds_a_share_of_its_branch() -> None:
    block, x = SequenceBlock(3, 5, 0.3).double(), torch.randn(2, 3, 8, dtype=torch.double)
    inner = F.conv1d(x.relu(), block.conv1.weight, block.conv1.bias, padding=2)
    branch = F.conv1d(inner.relu(), block.conv2.weight, block.conv2.bias, padding=2)
    assert torch.allclose(block(x), x + 0.3 * branch)


@pytest.mark.parametrize("use", ["auxiliary", "concat", "projection"])
def test_labels_join_latents_and_reach_the_critic(use: str) -> None:
    y = torch.tensor([0, 2, 1])
    generator = SequenceGenerator.model_validate(TINY).build(text(7, 5), 4, labels(3))
    critic = SequenceDiscriminator.model_validate(TINY | {"labels": use}).build(
        text(7, 5), labels(3)
    )
    z = torch.randn(3, 4)
    x = generator(z, y)
    assert not torch.allclose(x, generator(z, y.flip(0)))
    assert torch.equal(critic(x, y), critic(x, y.flip(0))) == (use == "auxiliary")
    if use == "auxiliary":
        assert critic.classify(critic.features(x)).shape == (3, 3)


def test_no_critic_is_steeper_than_its_bound() -> None:
    critic = SequenceDiscriminator.model_validate(TINY).build(text(4, 5)).double()
    x = torch.rand(8, 4, 5, dtype=torch.double, requires_grad=True)
    (slopes,) = torch.autograd.grad(critic(x).sum(), x)
    slopes = slopes.flatten(1).norm(dim=1)
    assert 0 < slopes.max() <= critic.lipschitz()


def test_other_data_and_even_kernels_are_refused() -> None:
    for domain in (images(3, 8, 8), points(2)):
        with pytest.raises(UsageError, match="resnet1d networks are for text"):
            SequenceGenerator().build(domain, 4)
    with pytest.raises(UsageError, match="dcgan networks are for images, but the data hold lines"):
        PRESETS["dcgan"][0].build(text(4, 5), 4)
    with pytest.raises(ValidationError, match="choose an odd one"):
        SequenceGenerator(kernel=4)
