"""Layers through which the samples of a batch see one another, so that sameness can be told."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganvas.nn.collective import gather, world_size

CHUNK = 8
"""Kernels compared at once: their distance matrices then fit into a processor's cache."""


class Mixing(nn.Module):
    """A layer whose output for a sample depends on the other samples of its batch.

    Real and fake samples must pass it separately: it is to compare each kind with its own.
    """


class MinibatchDiscrimination(Mixing):
    """How close each sample is to the others: o_b = Σ_{j≠i} exp(−‖M_{i,b} − M_{j,b}‖₁), M = f T.

    Source: Salimans et al. 2016, section 3.2; without the term j = i, which is always 1, as in
    the authors' code. With several processes a sample is compared with all of their batches.

    Args:
        width: F of the features (N, F).
        kernels: B, the width of the output.
        dim: C of each kernel.
        scale: standard deviation of T at the start.
    """

    def __init__(self, width: int, kernels: int = 100, dim: int = 5, scale: float = 0.05) -> None:
        super().__init__()
        self.outputs = kernels
        self.table = nn.Parameter(torch.randn(width, kernels, dim) * scale)

    def forward(self, h: Tensor) -> Tensor:
        """Return (N, B) for features (N, F)."""
        # (B, N, C) against (B, all, C): one distance matrix for each kernel.
        mine = torch.einsum("nf,fbc->bnc", h, self.table)
        every = gather(mine.transpose(0, 1)).transpose(0, 1)
        chunks = [slice(b, b + CHUNK) for b in range(0, self.outputs, CHUNK)]
        near = [torch.exp(-_distances(mine[b], every[b])).sum(2) for b in chunks]
        return torch.cat(near).transpose(0, 1) - 1


class MinibatchDeviation(Mixing):
    """Standard deviation over groups of samples, biased, of each feature (Karras et al. 2018).

    A group holds the samples whose places in the batch differ by N / size, as in the published
    code; a batch that the size does not divide is one group. Groups are formed over all processes.

    Args:
        width: F of the features (N, F).
        size: samples in a group.
        average: give the mean over all features, one number for each sample, as published.
    """

    def __init__(self, width: int, size: int = 4, average: bool = True) -> None:
        super().__init__()
        self.size = size
        self.average = average
        self.outputs = 1 if average else width

    def forward(self, h: Tensor) -> Tensor:
        """Return (N, 1), or (N, F) without the average."""
        everyone = gather(h)
        n, mine = len(everyone), len(h)
        size = self.size if n % self.size == 0 else n
        groups = everyone.view(size, n // size, -1)
        deviation = (groups.var(0, correction=0) + 1e-8).sqrt()
        if self.average:
            deviation = deviation.mean(1, keepdim=True)
        every = deviation.repeat(size, 1)
        if world_size() == 1:
            return every
        first = dist.get_rank() * mine
        return every[first : first + mine]


class _Distances(torch.autograd.Function):
    """L1 distances (B, N, M) of (B, N, C) and (B, M, C).

    A fused kernel where first derivatives are all that is asked; what a gradient penalty needs is
    written out, at C times the memory.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        distances = torch.cdist(a, b, p=1.0)
        ctx.save_for_backward(a, b, distances)
        return distances

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        a, b, distances = ctx.saved_tensors
        if torch.is_grad_enabled():
            sign = (a.detach().unsqueeze(2) - b.detach().unsqueeze(1)).sign()
            return torch.einsum("bnm,bnmc->bnc", grad, sign), -torch.einsum(
                "bnm,bnmc->bmc", grad, sign
            )
        backward = torch.ops.aten._cdist_backward
        grad, transposed = grad.contiguous(), grad.transpose(1, 2).contiguous()
        turned = distances.transpose(1, 2).contiguous()
        return backward(grad, a, b, 1.0, distances), backward(transposed, b, a, 1.0, turned)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return cast(Tensor, _Distances.apply(a.contiguous(), b.contiguous()))
