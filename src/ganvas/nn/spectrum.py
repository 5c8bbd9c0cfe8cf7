"""The largest singular values of weights, what holds them down, and how orthogonal rows are.

All of it is of weights as they are trained: those that spectral normalisation divides, not what it
makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.nn.precision import widen
from ganvas.nn.weights import as_matrix, output_axis, weight_of, weighted_layers

_decomposed = cast(Callable[..., tuple[Tensor, Tensor, Tensor]], torch.linalg.svd)
_eigen = cast(Callable[[Tensor], tuple[Tensor, Tensor]], torch.linalg.eigh)
_qr = cast(Callable[[Tensor], tuple[Tensor, Tensor]], torch.linalg.qr)

BESIDE = 8
"""Further vectors that iterate along: the more, the sooner the first ones settle."""

BLOCKS, COLUMNS = 4, 2048
"""Into how many bands of rows a symmetric product is cut, of which only half are multiplied; and of
how many columns at once all are multiplied, so that they stay in the processor's cache."""


class Triplets(NamedTuple):
    """The k largest singular values of W (O, I), and their vectors: W ≈ left·diag(values)·rightᵀ.

    Attributes:
        left: (O, k), orthonormal columns.
        values: (k,), falling.
        right: (I, k), orthonormal columns.
    """

    left: Tensor
    values: Tensor
    right: Tensor


def raw_weight(layer: nn.Module) -> Tensor:
    """Return the weight that is trained, before normalisation."""
    if parametrize.is_parametrized(layer, "weight"):
        return cast(Tensor, cast(nn.ModuleDict, layer.parametrizations)["weight"].original)
    return weight_of(layer)


def raw_matrices(
    module: nn.Module, spared: nn.Module | None = None
) -> Iterator[tuple[str, Tensor]]:
    """Yield name and trained weight, (output channels, everything else), of all layers but one."""
    for name, layer in weighted_layers(module):
        if layer is not spared:
            yield name, as_matrix(raw_weight(layer), output_axis(layer))


def _orthonormal(matrix: Tensor) -> Tensor:
    return _qr(matrix)[0]


@torch.no_grad()
def top_singular(matrix: Tensor, k: int = 3, steps: int = 20) -> Triplets:
    """Return the k largest singular triplets of a matrix (O, I); fewer if it has fewer.

    Power iteration of several vectors at once, which are made orthonormal in each step (Gram and
    Schmidt), from the same start each time. Small matrices are decomposed as they are.
    """
    wide = widen(matrix)
    rows, columns = wide.shape
    width = min(k + BESIDE, rows, columns)
    if width == min(rows, columns):
        basis = torch.eye(rows, dtype=wide.dtype, device=wide.device)
    else:
        start = torch.randn(rows, width, generator=torch.Generator().manual_seed(0))
        basis = _orthonormal(start.to(wide))
        for _ in range(steps):
            basis = _orthonormal(wide @ (wide.T @ basis))
    left, values, right = _decomposed(basis.T @ wide, full_matrices=False)
    k = min(k, len(values))
    return Triplets((basis @ left)[:, :k], values[:k], right[:k].T)


def largest(matrix: Tensor, at: Triplets, index: int = 0) -> Tensor:
    """Return uᵀWv of a triplet: a singular value with its gradient u vᵀ with respect to W."""
    return at.left[:, index] @ (widen(matrix) @ at.right[:, index])


@torch.no_grad()
def clamp_largest_(module: nn.Module, limit: float) -> None:
    """Subtract max(0, σ₀ − limit)·u₀v₀ᵀ from each layer's W, in place: other values stay.

    Source: Brock et al. 2019, Eq. 4, in the order that fits W (O, I).
    """
    for _, layer in weighted_layers(module):
        weight, axis = raw_weight(layer), output_axis(layer)
        top = top_singular(as_matrix(weight, axis), 1)
        excess = (top.values[0] - limit).clamp_min(0) * torch.outer(top.left[:, 0], top.right[:, 0])
        moved = weight.movedim(axis, 0)
        moved -= excess.view(moved.shape).to(weight.dtype)


@torch.no_grad()
def clip_singular_values(matrix: Tensor, limit: float = 1.0) -> Tensor:
    """Return U·diag(min(s, limit))·Vᵀ of W = U·diag(s)·Vᵀ, (O, I); W itself if nothing is above.

    With G = WWᵀ = Q diag(s²) Qᵀ it is W − q diag(1 − limit/s) qᵀ W, q the columns of Q whose s is
    above the limit: a small symmetric matrix is decomposed, in double precision, in place of W. Of
    more rows than columns it is the same from the other side.
    """
    clipped = _clipped(matrix, limit)
    return matrix if clipped is None else clipped


def _clipped(matrix: Tensor, limit: float) -> Tensor | None:
    """Return what `clip_singular_values` does, or None if nothing is above the limit."""
    rows, columns = matrix.shape
    if rows > columns:
        turned = _clipped(matrix.T, limit)
        return None if turned is None else turned.T
    wide = widen(matrix)
    squares, axes = _eigen(_gram(wide).double())
    above = squares > limit**2
    if not above.any():
        return None
    axes, less = axes[:, above], 1 - limit / squares[above].sqrt()
    if 2 * len(less) < rows:  # a few: two narrow products
        scaled = (axes * less).to(wide.dtype)
        return (wide - scaled @ (axes.T.to(wide.dtype) @ wide)).to(matrix.dtype)
    onto = torch.eye(rows, dtype=axes.dtype, device=axes.device) - (axes * less) @ axes.T
    bands, onto = torch.split(wide, COLUMNS, 1), onto.to(wide.dtype)
    return torch.cat([onto @ band for band in bands], 1).to(matrix.dtype)


def _gram(wide: Tensor) -> Tensor:
    """Return WWᵀ; of large matrices the blocks below the diagonal are copies of those above."""
    rows = len(wide)
    if rows < 4 * BLOCKS:
        return wide @ wide.T
    gram, step = wide.new_empty(rows, rows), -(-rows // BLOCKS)
    for start in range(0, rows, step):
        end = start + step
        gram[start:end, start:] = wide[start:end] @ wide[start:].T
        gram[end:, start:end] = gram[start:end, end:].T
    return gram


@torch.no_grad()
def clip_singular_values_(module: nn.Module, limit: float = 1.0) -> None:
    """Clip the singular values of every layer's W (O, I) inside ``module``, in place.

    Source: Saito et al. 2017, section 3.3.
    """
    for _, layer in weighted_layers(module):
        weight, axis = raw_weight(layer), output_axis(layer)
        clipped = _clipped(as_matrix(weight, axis), limit)
        if clipped is not None:
            moved = weight.movedim(axis, 0)
            moved.copy_(clipped.view(moved.shape))


def off_diagonal(matrix: Tensor) -> Tensor:
    """Return ‖WWᵀ ⊙ (1 − I)‖²_F of W (O, I): how far its rows are from orthogonal, of any norm.

    Its gradient is 4·(WWᵀ ⊙ (1 − I))W. Source: Brock et al. 2019, Eq. 3, where W is transposed.
    Of more rows than columns ‖WᵀW‖²_F less the squared diagonal of WWᵀ is the same, and smaller.
    """
    wide = widen(matrix)
    if len(wide) > wide.shape[1]:
        return (wide.T @ wide).square().sum() - wide.square().sum(1).square().sum()
    gram = wide @ wide.T
    return (gram - gram.diagonal().diag()).square().sum()
