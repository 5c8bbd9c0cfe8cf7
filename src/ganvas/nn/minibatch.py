"""Layers through which the samples of a batch see one another, so that sameness can be told."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from ganvas.nn.collective import gather
from ganvas.nn.drawing import Drawing
from ganvas.nn.exchange import rank, world_size
from ganvas.nn.tracking import Tracking
from ganvas.slices import slices

CACHED = 131_072
"""Distances that are worked on at once: half a megabyte, which a processor's cache holds."""


class Mixing(nn.Module):
    """A layer whose output for a sample depends on the other samples of its batch.

    Real and fake samples must pass it separately: it is to compare each kind with its own.
    """


def kinds_apart(network: nn.Module) -> bool:
    """Whether real and fake samples must pass a network separately, each kind in order.

    So it is with layers that mix samples, that follow what they see, or that draw.
    """
    return any(
        isinstance(layer, Tracking | Mixing) or (isinstance(layer, Drawing) and layer.draws)
        for layer in network.modules()
    )


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
        mine = torch.einsum("nf,fbc->bcn", h, self.table)
        every = None
        if world_size() > 1:
            every = gather(mine.movedim(2, 0)).movedim(0, 2).contiguous()
        near = cast(Tensor, _Nearness.apply(mine.contiguous(), every))
        return near.transpose(0, 1) - 1


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
        # Not `var`, which takes twenty times as long over a few rows.
        variance = (groups - groups.mean(0)).square().mean(0)
        deviation = (variance + 1e-8).sqrt()
        if self.average:
            deviation = deviation.mean(1, keepdim=True)
        every = deviation.repeat(size, 1)
        if world_size() == 1:
            return every
        first = rank() * mine
        return every[first : first + mine]


class _Nearness(torch.autograd.Function):
    """Σ_j exp(−‖a_i − b_j‖₁), (B, N), of (B, C, N) and (B, C, M); without b, of a with itself.

    Coordinate by coordinate, in place, over as many kernels as a processor's cache holds: several
    times faster than a general distance. The derivative of a derivative, which a gradient penalty
    needs, takes plain operations, at C times the memory.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor | None) -> Tensor:
        left, right = a.unsqueeze(3), (a if b is None else b).unsqueeze(2)
        near = a.new_empty(len(a), a.shape[2], right.shape[3])
        gap = torch.empty_like(near[: _kernels(near)])
        for part in _parts(near):
            total, room = near[part], gap[: len(near[part])]
            torch.sub(left[part, 0], right[part, 0], out=total).abs_()
            for c in range(1, a.shape[1]):
                total += torch.sub(left[part, c], right[part, c], out=room).abs_()
            total.neg_().exp_()
        ctx.alone = b is None
        ctx.save_for_backward(a, a if b is None else b, near)
        return near.sum(2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        a, b, near = ctx.saved_tensors
        if torch.is_grad_enabled():
            to_a, to_b = _slopes(a, b, grad)
            return (to_a + to_b, None) if ctx.alone else (to_a, to_b)
        left, right = a.unsqueeze(3), b.unsqueeze(2)
        to_a, to_b = torch.empty_like(a), torch.empty_like(b)
        gap, pulls = (torch.empty_like(near[: _kernels(near)]) for _ in range(2))
        for part in _parts(near):
            room, pull = gap[: len(near[part])], pulls[: len(near[part])]
            # Alone, each sample is on both sides of its pairs: the slope of j counts, too.
            others = grad[part, None] if ctx.alone else 0.0
            torch.mul(near[part], grad[part, :, None] + others, out=pull)
            for c in range(a.shape[1]):
                torch.sub(right[part, c], left[part, c], out=room).sign_().mul_(pull)
                torch.sum(room, 2, out=to_a[part, c])
                if not ctx.alone:
                    torch.sum(room, 1, out=to_b[part, c]).neg_()
        return to_a, None if ctx.alone else to_b


def _slopes(a: Tensor, b: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of Σ_ij g_i exp(−‖a_i − b_j‖₁), themselves differentiable."""
    gap = b.unsqueeze(2) - a.unsqueeze(3)
    pull = grad.unsqueeze(2) * torch.exp(-gap.abs().sum(1))
    sign = gap.detach().sign()
    to_b = torch.einsum("bnm,bcnm->bcm", pull, sign)
    return torch.einsum("bnm,bcnm->bcn", pull, sign), -to_b


def _kernels(near: Tensor) -> int:
    """Return how many of the matrices (B, N, M) are worked on at once."""
    return max(1, CACHED // near[0].numel())


def _parts(near: Tensor) -> list[slice]:
    return list(slices(len(near), _kernels(near)))
