"""Upper bounds on how steep a network can be, from the norms of its layers."""

from __future__ import annotations

import math
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from ganvas.nn.layers import SmoothStep
from ganvas.nn.resample import BilinearDown
from ganvas.nn.tracking import held
from ganvas.nn.weights import CONVOLUTIONS, weight_of

FLAT = (nn.Identity, nn.ReLU, nn.Tanh, nn.Sigmoid, SmoothStep)
"""Layers that bring no two inputs further apart."""


@runtime_checkable
class Bounded(Protocol):
    """A module that is more than a chain of its parts, and knows how to bound itself."""

    def lipschitz(self) -> float:
        """Return K with ‖f(x) − f(y)‖ ≤ K‖x − y‖."""
        ...


@torch.no_grad()
def lipschitz(module: nn.Module) -> float:
    """Return K with ‖f(x) − f(y)‖ ≤ K‖x − y‖ for all x, y; infinite if no bound is known.

    That of a chain is the product of those of its layers, which is what makes the bound loose: the
    steepest directions of two layers seldom meet. Every buffer is left as it is.
    """
    with held(module):
        return _bound(module)


def operator_norm(layer: nn.Module) -> float:
    """Return an upper bound on the norm of a linear or convolutional layer; exact for linear ones.

    With W's rows for output channels, a convolution is W times all patches of its input, and an
    input pixel stands in at most ⌈k/s⌉ patches along each axis (kernel k, stride s): the norm is
    at most ‖W‖₂ √Π⌈k/s⌉. A transposed convolution has the norm of the convolution it transposes.
    """
    weight = weight_of(layer).double()
    if not isinstance(layer, CONVOLUTIONS):
        return _largest(weight)
    # The axis of a plain convolution's outputs, and of a transposed one's inputs: always the first.
    sigma = max(_largest(part) for part in weight.flatten(1).chunk(layer.groups))
    strides = zip(layer.kernel_size, layer.stride, strict=True)
    return sigma * math.sqrt(math.prod(math.ceil(k / s) for k, s in strides))


def _largest(matrix: Tensor) -> float:
    return cast(Tensor, torch.linalg.svdvals(matrix)).max().item()


def _bound(module: nn.Module) -> float:
    if isinstance(module, Bounded):
        return module.lipschitz()
    if isinstance(module, (nn.Linear, *CONVOLUTIONS)):
        return operator_norm(module)
    if isinstance(module, nn.Sequential):
        return math.prod(_bound(part) for part in module)
    if isinstance(module, BilinearDown):
        return 0.5  # as for averages of 2×2: rows sum to 1, columns to 1/4 (Schur's test)
    if isinstance(module, nn.LeakyReLU):
        return max(1.0, abs(module.negative_slope))
    return 1.0 if isinstance(module, FLAT) else math.inf
