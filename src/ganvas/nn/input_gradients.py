"""What a number that a network gives has to do with each place of its input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganvas.nn.precision import exactly, widen


def gradient_map(of: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ∂(Σ of(x))/∂x, shaped as ``x``, without a graph.

    Where ``of`` gives (N,) numbers of N items that do not mix, row i is the gradient of its own
    number: of a score how each pixel would raise it, of a map's response what the map looks for
    (under `ganvas.nn.guided` the guided one), of a layer's sum the unevenness of its strides.

    Args:
        of: of (N, …), any shape; called once, with gradients on, also inside inference mode.
        x: where; computed in single precision at least.
    """
    with torch.inference_mode(False), torch.enable_grad(), exactly():
        leaf = widen(x.detach()).clone().requires_grad_()
        (gradient,) = torch.autograd.grad(of(leaf).sum(), leaf)
    return gradient
