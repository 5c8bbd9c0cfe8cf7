"""Path length regularisation of a generator with styles (Karras et al. 2020, section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Protocol, cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.nn import Twice, all_reduce, exactly, unrounded, world_size


class Draws(Protocol):
    """Where the directions come from in which images are looked at."""

    def normal(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) standard normal numbers."""
        ...


class PathLength(Settings):
    """weight · E(ℓ − a)²: a step in w is to change images as much wherever it is taken.

    Attributes:
        weight: 2 in both official codes; with ℓ as `path_lengths` has it, it is the paper's
            ln 2/(r²(ln r − ln 2)) for lengths summed over slots and y of variance 1.
        every: k_G, rounds between such steps; 8 in the paper, 4 in both official codes.
        decay: share of the batch's mean ℓ in the new a.
        shrink: latents are so many times fewer than in a batch.
    """

    weight: Amount = 2.0
    every: PositiveInt = 4
    decay: float = Field(default=0.01, gt=0, le=1)
    shrink: PositiveInt = 2


class PathMean(nn.Module):
    """Follows a, the mean length, and says what lengths cost that differ from it.

    Args:
        settings: of the penalty.
    """

    of_run: ClassVar[bool] = True
    mean: Tensor

    def __init__(self, settings: PathLength) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, lengths: Tensor, progress: float = 0.0) -> Tensor:
        """Move a towards the mean of lengths (N,), and return weight · E(ℓ − a)², a constant a."""
        mean = all_reduce(lengths.detach().mean()) / world_size()
        self.mean.lerp_(mean.to(self.mean), self.settings.decay)
        return value_at(self.settings.weight, progress) * (lengths - self.mean).square().mean()


def path_lengths(make: Callable[[Tensor], Tensor], w: Tensor, noise: Draws) -> Tensor:
    """Return ℓ of each style, (N,), differentiable: how far images move along it, in one direction.

    ℓ = √(1/L Σ_l ‖J_lᵀ y‖²), J_lᵀ y = ∇_{w_l} ⟨g(w), y⟩, y ∼ N(0, I)/√(HW). In single precision at
    least, also of networks that round.

    Args:
        make: gives images (N, C, H, W) of styles.
        w: styles (N, L, D), each slot with its own: the same one in all would sum what is averaged.
        noise: of y.
    """
    with torch.enable_grad(), exactly(), unrounded(w):
        w = w if w.requires_grad else w.detach().requires_grad_()
        with Twice():
            images = make(w)
        y = noise.normal(len(images), *images.shape[1:]) / math.sqrt(images[0, 0].numel())
        (slope,) = torch.autograd.grad((images * y).sum(), w, create_graph=True)
    return cast(Tensor, torch.linalg.vector_norm(slope.flatten(1), dim=1)) / math.sqrt(w.shape[1])
