"""What a machine multiplies in a second, and how much of that a round asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

SIDE = 768
"""Rows of the square matrices that are multiplied,"""
PLANE = (8, 64, 32, 32)
"""and the images that a 3×3 convolution of as many channels is tried on: N, C, H, W."""
TRIES = 3
"""Of several tries the fastest counts."""

Clock = Callable[[], float]


class Rates(NamedTuple):
    """Sums and products a second.

    Attributes:
        matrices: of a product of two large matrices.
        convolutions: of a 3×3 convolution, in the layout in which it is faster.
    """

    matrices: float
    convolutions: float


class Products(TorchDispatchMode):
    """Counts the sums and products of convolutions and matrix products, two for each pair.

    Attributes:
        count: so far.
    """

    count: float = 0.0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do an operation, and count it."""
        made = func(*args, **(kwargs or {}))
        own = CONVOLUTIONS.get(func)
        if own is not None:
            self.count += own(args, made)
        elif (count := flop_registry.get(func.overloadpacket)) is not None:
            self.count += count(*args, **(kwargs or {}), out_val=made)
        return made


def _forward(args: Sequence[Any], made: Any) -> float:
    """Return those of ``convolution(x, weight, …, transposed, …)``."""
    return _pairs(made, args[0], args[1], transposed=args[6])


def _backward(args: Sequence[Any], made: Any) -> float:
    """Return those of ``convolution_backward(slope, x, weight, …, transposed, …, mask)``."""
    slope, x, weight = args[:3]
    wanted = sum(map(bool, args[10][:2]))  # of x, of the weight
    return wanted * _pairs(slope, x, weight, transposed=args[7])


def _pairs(y: Tensor, x: Tensor, weight: Tensor, transposed: bool) -> float:
    """Return those of one pass: for each entry of the smaller map, a kernel to each channel.

    PyTorch's own count leaves the groups of a weight's gradient out.
    """
    return 2.0 * (x if transposed else y).numel() * math.prod(weight.shape[1:])


CONVOLUTIONS: dict[Any, Callable[[Sequence[Any], Any], float]] = {
    torch.ops.aten.convolution.default: _forward,
    torch.ops.aten.convolution_backward.default: _backward,
}


def products(play: Callable[[], object]) -> float:
    """Return the sums and products of a round, which is played for it."""
    with Products() as counter:
        play()
    return counter.count


def rates(dtype: torch.dtype, device: torch.device, clock: Clock) -> Rates:
    """Return what a device multiplies a second in a type of numbers, now, in a tenth of one."""
    a = torch.ones(SIDE, SIDE, dtype=dtype, device=device)
    layer = nn.Conv2d(PLANE[1], PLANE[1], 3, padding=1, bias=False, device=device, dtype=dtype)
    laid: list[float] = []
    with torch.no_grad():
        matrices = 2 * SIDE**3 / _fastest(lambda: a @ a, device, clock)
        for layout in (torch.contiguous_format, torch.channels_last):
            layer.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
            x = torch.ones(PLANE, dtype=dtype, device=device).to(memory_format=layout)
            count = products(lambda x=x: layer(x))
            laid.append(count / _fastest(lambda x=x: layer(x), device, clock))
    return Rates(matrices, max(laid))


def _fastest(of: Callable[[], object], device: torch.device, clock: Clock) -> float:
    """Return the seconds of the fastest of several tries, the first of which warms up."""
    taken: list[float] = []
    for _ in range(TRIES + 1):
        began = clock()
        of()
        wait(device)
        taken.append(clock() - began)
    return max(min(taken[1:]), 1e-9)


def wait(device: torch.device) -> None:
    """Wait until a device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
