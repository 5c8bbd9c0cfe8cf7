"""Penalties on the gradient of the discriminator with respect to its input, found by file.

A penalty says at which points the gradient is taken (`points`) and what its squared norm there
costs (`cost`); `penalise` evaluates any number of them in one pass. All need a discriminator that
judges each sample on its own, so batch norm is refused (`refuse_batch_norm`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.data.batch import Batch
from ganvas.data.records import LABEL
from ganvas.errors import UsageError
from ganvas.kinds import ByKind
from ganvas.nn import BatchNorm, Twice, as_called, exactly, widen
from ganvas.play import Noise

Judge = Callable[[Tensor, Any], Tensor]
Place = Literal["real", "fake", "elsewhere"]


class Penalty(Settings, ABC):
    """A cost of the discriminator's slope, at points of its own.

    Attributes:
        kind: its name in a configuration.
        on: where it looks.
        weight: its factor.
    """

    kind: Any
    on: ClassVar[Place]
    weight: Amount

    @abstractmethod
    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return where the slope is taken, given real samples and fakes."""

    @abstractmethod
    def cost(self, squared: Tensor) -> Tensor:
        """Return what squared norms (N,) cost, 0-d, without the weight."""


AnyPenalty = Annotated[Penalty, ByKind(__name__)]
"""Settings of any penalty."""


def penalise(
    discriminator: Judge,
    penalties: Mapping[str, Penalty],
    real: Batch,
    fake: Batch,
    noise: Noise,
    progress: float,
    squared: tuple[Tensor, Tensor] | None = None,
    apart: bool = False,
    given: Callable[[Batch], Any] = lambda batch: batch.get(LABEL),
    back: Callable[[Batch, Tensor], Tensor] = lambda batch, gradient: gradient,
    like: nn.Module | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the sum of all weighted penalties, and each one without its weight, by name.

    ``squared`` are the squared norms on real samples and fakes, (N,) each, if they are known; all
    others are computed in one pass, or in one for each place if samples must be kept ``apart``.
    ``given`` says which conditions of a batch the discriminator is given. ``back`` leads a slope at
    samples as they are shown to that at them as they were; elsewhere there is only the one. Slopes
    are computed as in a call of ``like``.
    """
    places = [penalty.points(real, fake, noise) for penalty in penalties.values()]
    shown = {
        id(p) for p, of in zip(places, penalties.values(), strict=True) if of.on == "elsewhere"
    }
    known = {id(real): squared[0], id(fake): squared[1]} if squared else {}
    missing = [place for place in places if id(place) not in known]
    for together in [[place] for place in missing] if apart else [missing] if missing else []:
        joined = Batch.cat(together)
        slopes = input_gradient(discriminator, joined.x, given(joined), like)
        for place, slope in zip(
            together, torch.split(slopes, [len(p) for p in together]), strict=True
        ):
            slope = slope if id(place) in shown else back(place, slope)
            known[id(place)] = squared_norms(slope)
    total = real.x.new_zeros(())
    costs: dict[str, Tensor] = {}
    for (name, penalty), place in zip(penalties.items(), places, strict=True):
        costs[name] = penalty.cost(known[id(place)])
        total = total + value_at(penalty.weight, progress) * costs[name]
    return total, costs


def input_gradient(
    discriminator: Judge, x: Tensor, y: Any = None, like: nn.Module | None = None
) -> Tensor:
    """Return ∇ₓ D(x, y) of each sample, shaped as ``x``, itself differentiable."""
    return logits_and_gradient(discriminator, x, y, like)[1]


def logits_and_gradient(
    discriminator: Judge, x: Tensor, y: Any = None, like: nn.Module | None = None
) -> tuple[Tensor, Tensor]:
    """Return D(x, y), (N,), and its gradient at each sample, shaped as ``x``, both differentiable.

    What is inside of the discriminator is computed as in a call of ``like``, a network that may
    round (docs/decisions/0010-convolutions.md); without one in single precision at least. The
    leaf carries no gradient to the generator. Of a module `forward` is called, which
    `nn.Module.compile` does not replace: compiled graphs have no second derivative, and the
    parameters are the same ones.
    """
    judge: Judge = discriminator.forward if isinstance(discriminator, nn.Module) else discriminator
    leaf = widen(x.detach()).requires_grad_()
    with torch.enable_grad(), as_called(like, x), exactly():
        with Twice():
            logits = judge(leaf, y)
        # Samples do not mix, so the gradient of the sum holds every sample's own.
        (gradient,) = torch.autograd.grad(widen(logits).sum(), leaf, create_graph=True)
    return widen(logits), gradient


def squared_norms(gradient: Tensor) -> Tensor:
    """Return ‖g‖² over everything but the batch: (N, …) to (N,)."""
    return gradient.flatten(1).square().sum(1)


def norm_cost(squared: Tensor, target: float, one_sided: bool) -> Tensor:
    """Return E(‖g‖ − target)² from squared norms (N,); one-sided: E max(0, ‖g‖ − target)².

    The square root is shifted by 1e-12, which keeps its derivative finite where a gradient is 0.
    """
    excess = (squared + 1e-12).sqrt() - target
    return (F.relu(excess) if one_sided else excess).square().mean()


def interpolates(real: Tensor, fake: Tensor, epsilon: Tensor) -> Tensor:
    """Return εx + (1 − ε)x̃ for samples (N, …) with one ε each, (N,)."""
    epsilon = epsilon.view(-1, *[1] * (real.dim() - 1))
    return epsilon * real + (1 - epsilon) * fake


def refuse_batch_norm(discriminator: nn.Module, penalties: Mapping[str, Penalty]) -> None:
    """Refuse penalties on a discriminator in which samples see one another.

    Raises:
        UsageError: there are penalties, and a batch norm in the discriminator.
    """
    if penalties and any(isinstance(layer, BatchNorm) for layer in discriminator.modules()):
        raise UsageError(
            f"the penalty '{next(iter(penalties))}' needs the gradient of each sample alone, but "
            "the discriminator has batch norm, which mixes the samples of a batch; use LayerNorm "
            "(game.discriminator.norm=layer) or no normalisation (norm=none) there"
        )
