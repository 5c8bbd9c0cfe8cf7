"""A tiny generator with styles: a mapping, modulated layers with noise, images of 8×8 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.domains.images import Images
from ganvas.data.spec import DataSpec, spec_of
from ganvas.model import Model, Provenance, load, save_model
from ganvas.networks.conditions import Conditions, Given
from ganvas.play import Game, Noise, build

SPEC = spec_of(name="styled", domain=Images(channels=3, height=8, width=8), size=100)
CLASSES = spec_of(name="styled", domain=Images(channels=3, height=8, width=8), size=9, classes=3)
Z, D, C = 6, 5, 8


class Layer(nn.Module):
    """A modulated 3×3 convolution with noise, or a linear one to colours."""

    def __init__(self, outputs: int, side: int) -> None:
        super().__init__()
        self.affine = nn.Linear(D, C)
        nn.init.ones_(self.affine.bias)
        self.weight = nn.Parameter(torch.randn(outputs, C, 3, 3) / C**0.5)
        self.strength = nn.Parameter(torch.full((), 0.3))
        self.register_buffer("noise", torch.randn(1, 1, side, side))
        self.colours = outputs != C

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        scales = self.affine(w)
        weight = self.weight * scales[:, None, :, None, None]
        if not self.colours:
            weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        n, *shape = weight.shape
        flat = weight.reshape(n * shape[0], *shape[1:])
        y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), flat, padding=1, groups=n)
        y = y.view(n, shape[0], *x.shape[2:])
        if self.colours:
            return y
        return F.leaky_relu(y + self.strength * (self.noise if noise is None else noise), 0.2)


class Styled(Game[Settings]):
    """Slots: two layers at 4×4, of which the second's is also the first's at 8×8, and two more."""

    system: ClassVar[str] = "styled"
    style_slots = 4

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.conditions = Conditions(spec.conditions)
        k = self.conditions.classes
        self.mapping = nn.Sequential(nn.Linear(Z + k, D), nn.LeakyReLU(0.2), nn.Linear(D, D))
        self.const = nn.Parameter(torch.randn(1, C, 4, 4))
        self.convolutions = nn.ModuleList([Layer(C, 4), Layer(C, 8), Layer(C, 8)])
        self.colours = nn.ModuleList([Layer(3, 4), Layer(3, 8)])
        self.register_buffer("average", torch.zeros(D))
        self.players = {}
        with torch.no_grad():
            z = self.prior(1000, Noise(0))
            y = torch.arange(1000) % k if k else None
            self.average.copy_(self.styles(z, y)[:, 0].mean(0))

    @property
    def mean_style(self) -> Tensor:
        return self.average

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, Z)

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        return self.synthesise(self.styles(z, y), y)

    def styles(self, z: Tensor, y: Given = None) -> Tensor:
        if k := self.conditions.classes:
            z = torch.cat([z, F.one_hot(y, k).to(z)], 1)
        return self.mapping(z)[:, None].expand(-1, self.style_slots, -1)

    def synthesise(
        self, w: Tensor, y: Given = None, maps: Sequence[Tensor] | None = None
    ) -> Tensor:
        noise = [None] * 3 if maps is None else maps
        first, second, third = self.convolutions
        x = first(self.const.expand(len(w), -1, -1, -1), w[:, 0], noise[0])
        image = F.interpolate(self.colours[0](x, w[:, 1], None), scale_factor=2.0)
        x = third(second(F.interpolate(x, scale_factor=2.0), w[:, 1], noise[1]), w[:, 2], noise[2])
        return 0.2 * (image + self.colours[1](x, w[:, 3], None))

    def maps(self, n: int, noise: Noise) -> list[Tensor]:
        return [noise.normal(n, 1, side, side) for side in (4, 8, 8)]


def styled(seed: int = 0, spec: DataSpec = SPEC) -> Styled:
    """Return one with random weights, in evaluation mode."""
    game = build(Styled, Settings(), spec, seed).eval().requires_grad_(False)
    assert isinstance(game, Styled)
    return game


def saved(folder: Path, seed: int = 0, spec: DataSpec = SPEC) -> Model:
    """Save one and load it again."""
    save_model(folder, styled(seed, spec), Provenance(recipe="styled/test"))
    return load(folder, Styled, "cpu")
