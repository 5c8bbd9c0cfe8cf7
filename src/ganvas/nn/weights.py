"""The layers that hold a weight matrix, and how it is read as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from torch import Tensor, nn

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
WEIGHTED = (nn.Linear, nn.Embedding, *CONVOLUTIONS)


def weighted_layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and layer of every linear, convolutional and embedding layer in ``module``."""
    for name, layer in cast(Iterator[tuple[str, nn.Module]], module.named_modules()):
        if isinstance(layer, WEIGHTED):
            yield name, layer


def weight_of(layer: nn.Module) -> Tensor:
    """Return the weight that the layer uses."""
    return cast(Tensor, layer.weight)


def output_axis(layer: nn.Module) -> int:
    """Return which axis of the weight counts output channels (or rows, in an embedding)."""
    return 1 if isinstance(layer, TRANSPOSED) else 0


def as_matrix(weight: Tensor, axis: int) -> Tensor:
    """Return ``weight`` as (size of ``axis``, everything else)."""
    return weight.movedim(axis, 0).flatten(1)
