"""The public structure of ``pytorch-pretrained-biggan``, with weights of its own.

Written from the names in its files and the equations of the sheet, in plain torch, so that nothing
of ours is on both sides of a comparison.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

EPS = 1e-4


def normed(layer: nn.Module) -> Any:
    return spectral_norm(layer, eps=EPS)


class Norm(nn.Module):
    def __init__(self, channels: int, condition: int, sets: int) -> None:
        super().__init__()
        self.register_buffer("running_means", torch.randn(sets, channels) * 0.3)
        self.register_buffer("running_vars", torch.rand(sets, channels) + 0.5)
        self.step = 1 / (sets - 1)
        if condition:
            self.scale = normed(nn.Linear(condition, channels, bias=False))
            self.offset = normed(nn.Linear(condition, channels, bias=False))
        else:
            self.weight = nn.Parameter(torch.rand(channels) + 0.5)
            self.bias = nn.Parameter(torch.randn(channels) * 0.1)

    def forward(self, x: Tensor, truncation: float, v: Tensor | None = None) -> Tensor:
        place = round(truncation / self.step)  # those between are weighed wrongly there
        mean, var = self.running_means[place], self.running_vars[place]
        x = (x - mean.view(1, -1, 1, 1)) / (var.view(1, -1, 1, 1) + EPS).sqrt()
        if v is None:
            return x * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return x * (1 + self.scale(v)[:, :, None, None]) + self.offset(v)[:, :, None, None]


class Block(nn.Module):
    def __init__(self, wide: int, narrow: int, condition: int, up: bool, sets: int) -> None:
        super().__init__()
        hidden = wide // 4
        self.up, self.narrow = up, narrow
        widths = [wide, hidden, hidden, hidden, narrow]
        for number, kernel in enumerate((1, 3, 3, 1)):
            conv = nn.Conv2d(widths[number], widths[number + 1], kernel, padding=kernel // 2)
            self.add_module(f"bn_{number}", Norm(widths[number], condition, sets))
            self.add_module(f"conv_{number}", normed(conv))

    def forward(self, x: Tensor, v: Tensor, truncation: float) -> Tensor:
        h = x
        for number in range(4):
            h = F.relu(self.get_submodule(f"bn_{number}")(h, truncation, v))
            if self.up and number == 1:
                h = F.interpolate(h, scale_factor=2, mode="nearest")
            h = self.get_submodule(f"conv_{number}")(h)
        x = x[:, : self.narrow]
        return h + (F.interpolate(x, scale_factor=2, mode="nearest") if self.up else x)


class Attention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

        def conv(inputs: int, outputs: int) -> Any:
            return normed(nn.Conv2d(inputs, outputs, 1, bias=False))

        self.snconv1x1_theta = conv(channels, channels // 8)
        self.snconv1x1_phi = conv(channels, channels // 8)
        self.snconv1x1_g = conv(channels, channels // 2)
        self.snconv1x1_o_conv = conv(channels // 2, channels)
        self.gamma = nn.Parameter(torch.full((1,), 0.7))

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        query = self.snconv1x1_theta(x).flatten(2)
        key = F.max_pool2d(self.snconv1x1_phi(x), 2).flatten(2)
        value = F.max_pool2d(self.snconv1x1_g(x), 2).flatten(2)
        share = torch.softmax(torch.bmm(query.transpose(1, 2), key), -1)
        taken = torch.bmm(value, share.transpose(1, 2)).view(n, -1, h, w)
        return x + self.gamma * self.snconv1x1_o_conv(taken)


class Inside(nn.Module):
    def __init__(self, width: int, condition: int, sets: int, attention: int) -> None:
        super().__init__()
        self.width = width
        plain, up = [(4, 4), (4, 4), (2, 2)], [(4, 4), (4, 2), (2, 1)]
        stages = [(*s, ups) for pair in zip(plain, up, strict=True) for ups, s in enumerate(pair)]
        self.gen_z = normed(nn.Linear(condition, 4 * 4 * 4 * width))
        layers = list[nn.Module]()
        for number, (wide, narrow, up) in enumerate(stages):
            if number == attention:
                layers.append(Attention(width * wide))
            layers.append(Block(width * wide, width * narrow, condition, bool(up), sets))
        self.layers = nn.ModuleList(layers)
        self.bn = Norm(width, 0, sets)
        self.conv_to_rgb = normed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, v: Tensor, truncation: float) -> Tensor:
        h = self.gen_z(v).view(len(v), 4, 4, 4 * self.width).permute(0, 3, 1, 2)
        for layer in self.layers:
            h = layer(h, v, truncation) if isinstance(layer, Block) else layer(h)
        return torch.tanh(self.conv_to_rgb(F.relu(self.bn(h, truncation)))[:, :3])


class BigGAN(nn.Module):
    """A generator of 32×32 pixels, with the names and the order of a released one."""

    def __init__(self, latent: int = 8, classes: int = 5, width: int = 8, sets: int = 6) -> None:
        super().__init__()
        self.embeddings = nn.Linear(classes, latent, bias=False)
        self.generator = Inside(width, 2 * latent, sets, attention=4)

    def forward(self, z: Tensor, one_hot: Tensor, truncation: float) -> Tensor:
        return self.generator(torch.cat([z, self.embeddings(one_hot)], 1), truncation)
