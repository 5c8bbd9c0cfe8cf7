"""What is done to singular values of weights, and noted of them (Brock et al. 2019, section 4).

Weights are those that are trained, before spectral normalisation.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.nn import largest, off_diagonal, raw_matrices, top_singular

TOP = 3
"""Singular values of each layer that are noted."""


class Orthogonality(Settings):
    """β Σ‖WWᵀ ⊙ (1 − I)‖²_F: rows are held orthogonal, of any norm (Eq. 3).

    Attributes:
        weight: β.
        form: "off-diagonal", or "identity" for ‖WWᵀ − I‖²_F (Eq. 2), which the paper finds too
            strict.
        parity: half of it, as the author's later code adds it to gradients: 2β(WWᵀ ⊙ (1 − I))W.
    """

    weight: Amount = 1e-4
    form: Literal["off-diagonal", "identity"] = "off-diagonal"
    parity: bool = False

    def cost(self, network: nn.Module, spared: nn.Module | None, progress: float) -> Tensor:
        """Return the weighted sum over all layers of ``network`` but a spared one, 0-d."""
        parts = [self._of(matrix) for _, matrix in raw_matrices(network, spared)]
        total = torch.stack(parts).sum()
        return value_at(self.weight, progress) * (0.5 if self.parity else 1.0) * total

    def _of(self, matrix: Tensor) -> Tensor:
        found = off_diagonal(matrix)
        if self.form == "identity":
            found = found + (matrix.square().sum(1) - 1).square().sum()
        return found


class SigmaPenalty(Settings):
    """λ Σ(σ₀ − target)² over all layers: the largest singular value is drawn to another number.

    Attributes:
        weight: λ.
        target: that number.
        ratio: r of r·σ₁ instead, a constant.
    """

    weight: Amount = 1e-2
    target: float | None = Field(default=None, gt=0)
    ratio: float | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_aim(self) -> SigmaPenalty:
        if (self.target is None) == (self.ratio is None):
            raise ValueError("give either target, a number, or ratio, a multiple of σ₁")
        return self

    def cost(self, network: nn.Module, progress: float) -> Tensor:
        """Return the weighted sum, 0-d; a matrix of one row or column has no σ₁, and no ratio."""
        found = list[Tensor]()
        for _, matrix in raw_matrices(network):
            top = top_singular(matrix, 2)
            if self.target is not None:
                found.append((largest(matrix, top) - self.target).square())
            elif self.ratio is not None and len(top.values) > 1:
                found.append((largest(matrix, top) - self.ratio * top.values[1]).square())
        return value_at(self.weight, progress) * torch.stack(found).sum()


def spectra(name: str, network: nn.Module) -> dict[str, float]:
    """Return the largest singular values of each layer of a network, for the log.

    ``sigma0/NAME.LAYER``, ``sigma1/…`` and ``sigma2/…``, ``sigma_ratio/…`` for σ₀/σ₁ and
    ``frobenius/…``; ``spectrum/NAME`` is the largest of all.
    """
    noted, greatest = dict[str, float](), 0.0
    for layer, matrix in raw_matrices(network):
        values = cast(list[float], top_singular(matrix.detach(), TOP).values.tolist())
        noted |= {f"sigma{i}/{name}.{layer}": value for i, value in enumerate(values)}
        if len(values) > 1:
            noted[f"sigma_ratio/{name}.{layer}"] = values[0] / max(values[1], 1e-12)
        noted[f"frobenius/{name}.{layer}"] = matrix.detach().square().sum().sqrt().item()
        greatest = max(greatest, values[0])
    return noted | {f"spectrum/{name}": greatest}


def norms(name: str, table: Tensor) -> dict[str, float]:
    """Return how long the rows (K, D) of a table of classes are, for the log.

    ``embedding/NAME mean`` and ``… largest``, and ``embedding_ratio/NAME`` for the largest over the
    median: a class far longer than the others draws one thing only.
    """
    lengths = table.detach().square().sum(1).sqrt()
    longest, usual = lengths.max().item(), lengths.median().item()
    return {
        f"embedding/{name} mean": lengths.mean().item(),
        f"embedding/{name} largest": longest,
        f"embedding_ratio/{name}": longest / max(usual, 1e-12),
    }
