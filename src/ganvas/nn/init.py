"""Initialisation rules.

All draw from torch's default generator, which whoever builds a network seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ganvas.nn.upsample import tie
from ganvas.nn.weights import CONVOLUTIONS, TRANSPOSED, WEIGHTED, weight_of, weighted_layers

Init = Literal[
    "default",
    "normal",
    "truncated",
    "dcgan",
    "uniform",
    "orthogonal",
    "he",
    "he_normal",
    "lecun",
    "glorot",
    "wgan_gp",
]
"""Names of the rules; see `initialise`."""


def initialise(module: nn.Module, how: Init, scale: float | None = None) -> None:
    """Initialise every linear, convolutional and embedding layer inside ``module``.

    Biases become 0; the weights, by ``how``:

    - "default": what torch gave them, biases too.
    - "normal", "uniform": mean 0 and standard deviation ``scale`` (0.02).
    - "truncated": "normal" before what lies beyond 2 ``scale`` is drawn anew (TensorFlow).
    - "dcgan": "normal", and gains of normalisation layers N(1, scale²) (both DCGAN codes).
    - "orthogonal": orthonormal rows or columns, times ``scale`` (1).
    - "he": uniform with variance 2/fan_in (He et al. 2015).
    - "he_normal": normal with variance 2 scale²/fan_in, scale 1; "lecun": half of that.
    - "glorot": uniform with variance 2 scale²/(fan_in + fan_out), scale 1 (Glorot & Bengio 2010).
    - "wgan_gp": "glorot" with scale √2 in convolutions and 1 elsewhere (the WGAN-GP code).
    """
    if how == "default":
        return
    std = 0.02 if scale is None else scale
    gain = 1.0 if scale is None else scale
    match how:
        case "normal" | "dcgan":
            _fill(module, lambda weight, _: weight.normal_(0.0, std))
        case "truncated":
            _fill(module, lambda w, _: nn.init.trunc_normal_(w, 0.0, std, -2 * std, 2 * std))
        case "uniform":
            _fill(module, lambda weight, _: _uniform(weight, std))
        case "orthogonal":
            _fill(module, lambda weight, _: nn.init.orthogonal_(weight, gain))
        case "he":
            _fill(module, lambda weight, layer: _uniform(weight, math.sqrt(2 / fans(layer)[0])))
        case "he_normal":
            _fill(module, lambda w, layer: w.normal_(0.0, gain * math.sqrt(2 / fans(layer)[0])))
        case "lecun":
            _fill(module, lambda w, layer: w.normal_(0.0, gain * math.sqrt(1 / fans(layer)[0])))
        case "glorot":
            _fill(module, lambda weight, layer: _uniform(weight, gain * _glorot(layer)))
        case "wgan_gp":
            _fill(module, lambda weight, layer: _uniform(weight, _gain(layer) * _glorot(layer)))
    if how == "dcgan":
        _vary_gains(module, std)


def fans(layer: nn.Module) -> tuple[float, float]:
    """Return (fan_in, fan_out) of a linear, convolutional or embedding layer.

    They count the connections of one unit: channels × kernel area, divided by stride² on the side
    that a stride thins out.
    """
    weight = weight_of(layer)
    if not isinstance(layer, CONVOLUTIONS):
        return weight.shape[1], weight.shape[0]
    area = math.prod(layer.kernel_size)
    thinning = math.prod(layer.stride)
    fan_in = layer.in_channels // layer.groups * area
    fan_out = layer.out_channels // layer.groups * area
    if isinstance(layer, TRANSPOSED):
        return fan_in / thinning, fan_out
    return fan_in, fan_out / thinning


@torch.no_grad()
def _fill(module: nn.Module, fill: Callable[[Tensor, nn.Module], object]) -> None:
    for _, layer in weighted_layers(module):
        fill(weight_of(layer), layer)
        bias = getattr(layer, "bias", None)
        if isinstance(bias, nn.Parameter):
            bias.zero_()
        tie(layer)


@torch.no_grad()
def _vary_gains(module: nn.Module, std: float) -> None:
    for layer in module.modules():
        gain = None if isinstance(layer, WEIGHTED) else getattr(layer, "weight", None)
        if isinstance(gain, nn.Parameter):
            gain.normal_(1.0, std)


def _gain(layer: nn.Module) -> float:
    return math.sqrt(2) if isinstance(layer, CONVOLUTIONS) else 1.0


def _glorot(layer: nn.Module) -> float:
    return math.sqrt(2 / sum(fans(layer)))


def _uniform(weight: Tensor, std: float) -> None:
    bound = std * math.sqrt(3)
    weight.uniform_(-bound, bound)
