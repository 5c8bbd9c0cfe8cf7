"""Spectral normalisation (Miyato et al. 2018) and the exact singular values it approximates."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.nn.equalised import only_equalised
from ganvas.nn.precision import unrounded, widen
from ganvas.nn.tracking import Tracking, held
from ganvas.nn.weights import as_matrix, output_axis, weight_of, weighted_layers

Layer = TypeVar("Layer", bound=nn.Module)


class SpectralNorm(Tracking):
    """Parametrisation W ↦ factor · W/σ, with σ an estimate of the largest singular value of W.

    W is read as a matrix with one row for each output channel. A forward pass in training, while
    tracking, takes one step of power iteration from the stored u, without gradient:
    v ← norm(Wᵀu), u ← norm(Wv), norm(a) = a/(‖a‖ + eps). Other passes use the stored u, and
    v = norm(Wᵀu). Then σ = uᵀWv, with gradient through W alone, which gives
    ∂L/∂W = (G − ⟨G, W̄⟩ u vᵀ)/σ for G = ∂L/∂W̄. The estimate never exceeds the true value.

    Args:
        weight: the weight to be normalised; u is warmed up on it.
        axis: its axis of output channels.
        steps: iterations of a training pass.
        warm_up: iterations at construction; a fresh u would make W/σ far too large.
        factor: Lipschitz bound of the normalised layer.
        eps: guards the division by a norm.
    """

    u: Tensor

    def __init__(
        self,
        weight: Tensor,
        *,
        axis: int = 0,
        steps: int = 1,
        warm_up: int = 15,
        factor: float = 1.0,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.axis = axis
        self.steps = steps
        self.factor = factor
        self.eps = eps
        u = torch.randn(weight.shape[axis], dtype=widen(weight).dtype, device=weight.device)
        self.register_buffer("u", F.normalize(u, dim=0, eps=eps))
        self.warm_up(weight, warm_up)

    def matrix(self, weight: Tensor) -> Tensor:
        """Return ``weight`` as (output channels, everything else), in single precision at least."""
        return as_matrix(widen(weight), self.axis)

    @torch.no_grad()
    def warm_up(self, weight: Tensor, steps: int = 15) -> None:
        """Iterate ``steps`` times; to be called after W was changed other than by training."""
        self.u.copy_(self._vectors(self.matrix(weight), steps)[0])

    @torch.no_grad()
    def converge(self, weight: Tensor, tolerance: float = 1e-6, most: int = 1000) -> None:
        """Iterate until eight steps let σ grow by less than a share ``tolerance``."""
        matrix, before = self.matrix(weight), 0.0
        for _ in range(most // 8):
            u, v = self._vectors(matrix, 8)
            self.u.copy_(u)
            sigma = float(torch.dot(u, torch.mv(matrix, v)))
            if sigma <= before * (1 + tolerance):
                return
            before = sigma

    def sigma(self, weight: Tensor) -> Tensor:
        """Return the estimate σ, a scalar, after one step of iteration if the layer may update."""
        with unrounded(weight):  # rounded, power iteration loses the small components
            matrix = self.matrix(weight)
            with torch.no_grad():
                u, v = self._vectors(matrix, self.steps if self.updates else 0)
                if self.updates:
                    self.u.copy_(u)
            return torch.dot(u, torch.mv(matrix, v))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the normalised weight, in the shape and type of ``weight``."""
        return weight * (self.factor / self.sigma(weight)).to(weight.dtype)

    def _vectors(self, matrix: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Return fresh u and v: no graph may hold the buffer, which the next pass overwrites."""
        u = self.u.to(matrix.dtype, copy=True)
        v = self._unit(matrix.T @ u)
        for step in range(steps):
            if step:
                v = self._unit(matrix.T @ u)
            u = self._unit(matrix @ v)
        return u, v

    def _unit(self, vector: Tensor) -> Tensor:
        return vector / (torch.dot(vector, vector).sqrt() + self.eps)

    def extra_repr(self) -> str:
        """Show the axis and the bound."""
        return f"axis={self.axis}, factor={self.factor}"


def spectral_norm(
    module: Layer, *, steps: int = 1, warm_up: int = 15, factor: float = 1.0, eps: float = 1e-12
) -> Layer:
    """Normalise the weight of one linear, convolutional or embedding layer, in place.

    The layer's weight must have been initialised. Biases are not normalised. The state dict then
    holds ``parametrizations.weight.original`` and ``parametrizations.weight.0.u``.

    Returns:
        ``module``.
    """
    norm = SpectralNorm(
        weight_of(module),
        axis=output_axis(module),
        steps=steps,
        warm_up=warm_up,
        factor=factor,
        eps=eps,
    ).train(module.training)
    # unsafe skips a trial pass, which would move u once more.
    parametrize.register_parametrization(module, "weight", norm, unsafe=True)
    return module


@contextmanager
def settled(modules: Iterable[nn.Module]) -> Generator[None]:
    """Let every u belong to the weights as they are, not as training found them, for a block.

    Training follows its own weights a step at a time. Others in their place, such as averages, have
    other singular vectors: with the old ones σ is too small, and W/σ too large.
    """
    before: list[tuple[SpectralNorm, Tensor]] = []
    for layer in (layer for module in modules for layer in module.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            chain = cast(nn.ModuleDict, layer.parametrizations)["weight"]
            for norm in chain.children():
                if isinstance(norm, SpectralNorm):
                    before.append((norm, norm.u.clone()))
                    norm.converge(cast(Tensor, chain.original))
    try:
        yield
    finally:
        for norm, u in before:
            norm.u.copy_(u)


def sn(module: Layer, enabled: bool = True, *, factor: float = 1.0, eps: float = 1e-12) -> Layer:
    """Normalise every linear, convolutional and embedding layer inside ``module``, in place.

    Layers that are already normalised are left alone, so that calls may overlap; of weights under
    an equalised rate it is the scaled ones that are normalised.

    Returns:
        ``module``.
    """
    if enabled:
        for _, layer in list(weighted_layers(module)):
            if only_equalised(layer):
                spectral_norm(layer, factor=factor, eps=eps)
    return module


@torch.no_grad()
def singular_values(module: nn.Module) -> dict[str, float]:
    """Return the exact largest singular value of each layer's weight, as the layer uses it.

    Layers under spectral normalisation stand at or slightly above their factor. Costs a singular
    value decomposition per layer, and leaves every buffer as it is.
    """
    with held(module):
        return {
            name: torch.linalg.svdvals(_matrix(layer).double()).max().item()
            for name, layer in weighted_layers(module)
        }


def orthonormality(module: nn.Module) -> Tensor:
    """Return Σ ‖WᵀW − I‖²_F over the layers of ``module``: the orthonormal regulariser.

    W has one row per output channel. WWᵀ is used where it is the smaller one; the two sums differ
    by a constant, and their gradients not at all.
    """
    return torch.stack([_distance(_matrix(layer)) for _, layer in weighted_layers(module)]).sum()


def _distance(matrix: Tensor) -> Tensor:
    rows, columns = matrix.shape
    gram = matrix @ matrix.T if rows < columns else matrix.T @ matrix
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return (gram - identity).square().sum() + max(columns - rows, 0)


def _matrix(layer: nn.Module) -> Tensor:
    return as_matrix(weight_of(layer), output_axis(layer))
