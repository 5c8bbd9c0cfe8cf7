"""Collectives that gradients pass through, any number of times.

With k processes that each hold a share of the batch, a loss is the sum of the processes' losses
and a gradient is taken with respect to all shares at once; every process must run the same
collectives in the same order. In a single process both functions return their argument.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from ganvas.nn.exchange import rank, stack, sum_, world_size


def all_reduce(x: Tensor) -> Tensor:
    """Return the sum of every process's ``x``; differentiable to any order."""
    return x if world_size() == 1 else cast(Tensor, _AllReduce.apply(x))


def gather(x: Tensor) -> Tensor:
    """Return every process's ``x`` (n, …) as (k·n, …), in rank order; differentiable to any order.

    This is the order in which a single process would hold the whole batch.
    """
    return x if world_size() == 1 else cast(Tensor, _Gather.apply(x))


class _AllReduce(torch.autograd.Function):
    """y = Σ_r x_r on every rank. The adjoint of this map is the map itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return sum_(x.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return all_reduce(grad)


class _Gather(torch.autograd.Function):
    """y = [x_0; …; x_{k-1}] on every rank. The adjoint sums over ranks and takes own rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.cat(stack(x))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return all_reduce(grad).chunk(world_size())[rank()]
