"""Equalised learning rate: every layer's weights learn at the same speed (Karras et al. 2018)."""

from __future__ import annotations

import math
from typing import TypeVar, cast

from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.nn.init import fans
from ganvas.nn.upsample import tie
from ganvas.nn.weights import weight_of, weighted_layers

Layer = TypeVar("Layer", bound=nn.Module)

SQRT2 = math.sqrt(2)


class Equalised(nn.Module):
    """Parametrisation w ↦ c·w by a constant, so that optimisers see weights of one scale.

    Adam's steps do not depend on the scale of a gradient, so weights of a smaller range would
    change relatively faster.

    Args:
        factor: c.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight that the layer uses."""
        return weight * self.factor

    def extra_repr(self) -> str:
        """Show the factor."""
        return f"{self.factor:g}"


def equalised(
    module: Layer, gain: float = SQRT2, *, rate: float = 1.0, bias_gain: float = 1.0
) -> Layer:
    """Draw weights from N(0, 1), and scale them by gain/√fan_in whenever they are used, in place.

    So it is done in every linear, convolutional and embedding layer inside ``module``; biases
    become 0. Layers that are already parametrised are left alone: nothing is scaled twice.

    Args:
        module: with the layers.
        gain: of the weights.
        rate: how much more slowly or faster than others weights and biases learn: they are drawn
            from N(0, 1/rate²), and scaled by it.
        bias_gain: of the biases. What is to follow a rectifier as a factor may as well precede it,
            as the gain of both.

    Returns:
        ``module``.
    """
    for _, layer in list(weighted_layers(module)):
        if not parametrize.is_parametrized(layer, "weight"):
            nn.init.normal_(weight_of(layer), std=1 / rate)
            scale = Equalised(rate * gain / math.sqrt(fans(layer)[0]))
            if isinstance(bias := getattr(layer, "bias", None), nn.Parameter):
                nn.init.zeros_(bias)
                if (factor := rate * bias_gain) != 1:
                    parametrize.register_parametrization(layer, "bias", Equalised(factor))
            tie(layer)
            parametrize.register_parametrization(layer, "weight", scale, unsafe=True)
    return module


def only_equalised(layer: nn.Module) -> bool:
    """Whether nothing but its scale stands between a layer's weight and its parameter."""
    if not parametrize.is_parametrized(layer, "weight"):
        return True
    chain = cast(nn.ModuleDict, layer.parametrizations)["weight"]
    return all(isinstance(one, Equalised) for one in chain.children())
