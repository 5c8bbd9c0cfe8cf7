"""Weight normalisation (Salimans & Kingma 2016)."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrizations, parametrize

from ganvas.nn.weights import output_axis, weighted_layers

Layer = TypeVar("Layer", bound=nn.Module)


def weight_norm(module: Layer) -> Layer:
    """Learn each output's weights as g · v/‖v‖, in every layer inside ``module``, in place.

    g starts as ‖v‖, so the module computes what it did. Biases are not normalised. Layers that are
    already parametrised are left alone, so that calls may overlap.

    Returns:
        ``module``.
    """
    for _, layer in list(weighted_layers(module)):
        if not parametrize.is_parametrized(layer, "weight"):
            parametrizations.weight_norm(layer, dim=output_axis(layer))
    return module
