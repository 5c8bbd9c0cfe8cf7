"""How often a strided layer writes to each pixel, and which layers do so unevenly.

Source: Odena, Dumoulin & Olah 2016. A transposed convolution with kernel k and stride s writes to a
pixel of phase p = i mod s through ⌈(k − p)/s⌉ of its taps. The gradient that a strided convolution
sends to its input is written by the same taps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import cast

import torch
from torch import Tensor, nn

from ganvas.nn.weights import CONVOLUTIONS, TRANSPOSED


def taps(kernel: int, stride: int) -> tuple[int, ...]:
    """Return how many taps write to a pixel of each phase, far from the borders."""
    return tuple(math.ceil((kernel - phase) / stride) for phase in range(stride))


def is_even(kernel: int, stride: int) -> bool:
    """Whether all pixels are written by equally many taps: whether the stride divides the kernel.

    It is necessary for maps without a pattern, and not sufficient: phases still have other weights.
    """
    return kernel % stride == 0


@dataclass(frozen=True)
class Strided:
    """One axis of a transposed convolution, or of a strided one read backwards.

    Attributes:
        kernel, stride: taps, and how far apart two inputs write.
        padding: outputs cut off at either end.
        more: outputs added at the far end (``output_padding``).
    """

    kernel: int
    stride: int
    padding: int = 0
    more: int = 0

    def written(self, weights: Tensor) -> Tensor:
        """Return how often each output is written, by inputs of which each counts ``weights``."""
        inputs, k, s = len(weights), self.kernel, self.stride
        whole = weights.new_zeros((inputs - 1) * s + k + self.more)
        for tap in range(k):
            whole[tap : tap + (inputs - 1) * s + 1 : s] += weights
        return whole[self.padding : len(whole) - self.padding]


def overlap(size: int, layers: Sequence[Strided]) -> Tensor:
    """Return how many ways lead from ``size`` inputs through layers to each output, in one axis."""
    return reduce(lambda map, layer: layer.written(map), layers, torch.ones(size))


def overlap_map(sizes: Sequence[int], layers: Sequence[Sequence[Strided]]) -> Tensor:
    """Return the same for several axes: the outer product, in which unevenness multiplies."""
    axes = [overlap(size, along) for size, along in zip(sizes, layers, strict=True)]
    return reduce(lambda a, b: a[..., None] * b, axes)


@dataclass(frozen=True)
class Uneven:
    """A layer whose stride does not divide its kernel.

    Attributes:
        name: in its network.
        kernel, stride: of the first axis where it does not.
        enlarges: whether its maps have the pattern, rather than their gradients.
    """

    name: str
    kernel: int
    stride: int
    enlarges: bool


def uneven(network: nn.Module) -> Iterator[Uneven]:
    """Yield the layers of a network whose stride does not divide their kernel."""
    for name, layer in cast(Iterator[tuple[str, nn.Module]], network.named_modules()):
        if isinstance(layer, CONVOLUTIONS):
            for kernel, stride in zip(layer.kernel_size, layer.stride, strict=True):
                if kernel > 1 and not is_even(kernel, stride):
                    yield Uneven(name, kernel, stride, isinstance(layer, TRANSPOSED))
                    break
