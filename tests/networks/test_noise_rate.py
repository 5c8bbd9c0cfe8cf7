"""How fast strengths of noise learn in StyleGAN2's generators, beside their weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas.networks.conditions import NONE
from ganvas.networks.stylegan2 import StyleGAN2Generator, StyleGAN2GeneratorNet
from ganvas.nn import noisy

TINY = {"maps": 64, "max_maps": 8, "width": 8, "depth": 2, "architecture": "original"}


@pytest.mark.parametrize("style", ["modulation", "adain"])
def test_strengths_of_noise_may_learn_more_slowly(style: str) -> None:
    moved: list[Tensor] = []
    for rate in (1.0, 0.01):
        torch.manual_seed(0)
        settings: dict[str, Any] = TINY | {"noise_rate": rate, "style": style}
        config = StyleGAN2Generator(**settings)
        net = StyleGAN2GeneratorNet(config, (3, 16, 16), 8, NONE).eval()
        strengths = [layer.strength for layer in net.noises]
        optimiser = torch.optim.Adam(strengths, lr=1e-3, betas=(0, 0.99))
        w = net.styles(torch.randn(4, 8))
        with noisy(net, "fixed"):
            before: Tensor = net.synthesise(w)
            before.square().sum().backward()
            optimiser.step()
            after: Tensor = net.synthesise(w)
            moved.append((after - before).detach())
    fast, slow = moved
    # Adam's first step is as long for each, and images follow so short a step linearly.
    assert fast.any()
    torch.testing.assert_close(slow, 0.01 * fast, rtol=0.1, atol=1e-2 * float(slow.abs().max()))
