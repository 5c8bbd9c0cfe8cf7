"""Penalties on the gradient of the discriminator with respect to its input.

A penalty says at which points the gradient is taken (`points`) and what its squared norm there
costs (`cost`); `penalise` evaluates any number of them in one pass. All need a discriminator that
judges each sample on its own, so batch norm is refused (`refuse_batch_norm`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.data.batch import Batch
from ganvas.data.records import LABEL
from ganvas.errors import UsageError
from ganvas.nn import BatchNorm
from ganvas.play import Noise

Judge = Callable[[Tensor, Any], Tensor]
Place = Literal["real", "fake", "elsewhere"]


class GradientPenalty(Settings):
    """λ E(‖∇f(x̂)‖ − 1)² at points x̂ between data and fakes (Gulrajani et al. 2017, Eq. 3).

    Attributes:
        weight: λ.
        target: the norm that costs nothing.
        one_sided: let smaller norms cost nothing either: max(0, ‖∇f‖ − 1)².
    """

    kind: Literal["gradient"] = "gradient"
    on: ClassVar[Place] = "elsewhere"
    weight: Amount = 10.0
    target: float = Field(default=1.0, ge=0)
    one_sided: bool = False

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return x̂ = εx + (1 − ε)x̃ with ε uniform on [0, 1), one per sample."""
        x = interpolates(real.x, fake.x, noise.uniform(len(real)))
        return real.replace(**{real.main: x})

    def cost(self, squared: Tensor) -> Tensor:
        """Return E(‖∇f‖ − target)² for squared norms (N,)."""
        return norm_cost(squared, self.target, self.one_sided)


class Dragan(Settings):
    """λ E(‖∇f(x̂)‖ − 1)² around the data (Kodali et al. 2017).

    Attributes:
        weight: λ.
        spread: width of the neighbourhood, in standard deviations of the batch.
    """

    kind: Literal["dragan"] = "dragan"
    on: ClassVar[Place] = "elsewhere"
    weight: Amount = 10.0
    spread: float = Field(default=0.5, gt=0)

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return x̂ = x + α·spread·σ·u, with α per sample and u per entry uniform on [0, 1)."""
        x = real.x
        mean = noise.ranks.mean(x.mean())
        deviation = noise.ranks.mean((x - mean).square().mean()).sqrt()
        step = noise.uniform(len(real)).view(-1, *[1] * (x.dim() - 1)) * self.spread * deviation
        return real.replace(**{real.main: x + step * noise.uniform(*x.shape)})

    def cost(self, squared: Tensor) -> Tensor:
        """Return E(‖∇f‖ − 1)² for squared norms (N,)."""
        return norm_cost(squared, target=1.0, one_sided=False)


class R1(Settings):
    """(γ/2) E‖∇D(x)‖² on data (Mescheder et al. 2018, Eq. 9)."""

    kind: Literal["r1"] = "r1"
    on: ClassVar[Place] = "real"
    weight: Amount = Field(default=1.0, description="γ")

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return the real samples."""
        return real

    def cost(self, squared: Tensor) -> Tensor:
        """Return half the mean of squared norms (N,)."""
        return squared.mean() / 2


class R2(Settings):
    """(γ/2) E‖∇D(x̃)‖² on fakes (Mescheder et al. 2018, Eq. 10)."""

    kind: Literal["r2"] = "r2"
    on: ClassVar[Place] = "fake"
    weight: Amount = Field(default=1.0, description="γ")

    def points(self, real: Batch, fake: Batch, noise: Noise) -> Batch:
        """Return the fakes."""
        return fake

    def cost(self, squared: Tensor) -> Tensor:
        """Return half the mean of squared norms (N,)."""
        return squared.mean() / 2


Penalty = Annotated[GradientPenalty | Dragan | R1 | R2, Field(discriminator="kind")]


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
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the sum of all weighted penalties, and each one without its weight, by name.

    ``squared`` are the squared norms on real samples and fakes, (N,) each, if they are known; all
    others are computed in one pass, or in one for each place if samples must be kept ``apart``.
    ``given`` says which conditions of a batch the discriminator is given.
    """
    places = [penalty.points(real, fake, noise) for penalty in penalties.values()]
    known = {id(real): squared[0], id(fake): squared[1]} if squared else {}
    missing = [place for place in places if id(place) not in known]
    for together in [[place] for place in missing] if apart else [missing] if missing else []:
        joined = Batch.cat(together)
        found = squared_norms(input_gradient(discriminator, joined.x, given(joined)))
        for place in together:
            known[id(place)], found = found[: len(place)], found[len(place) :]
    total = real.x.new_zeros(())
    costs: dict[str, Tensor] = {}
    for (name, penalty), place in zip(penalties.items(), places, strict=True):
        costs[name] = penalty.cost(known[id(place)])
        total = total + value_at(penalty.weight, progress) * costs[name]
    return total, costs


def input_gradient(discriminator: Judge, x: Tensor, y: Any = None) -> Tensor:
    """Return ∇ₓ D(x, y) of each sample, shaped as ``x``, itself differentiable."""
    return logits_and_gradient(discriminator, x, y)[1]


def logits_and_gradient(discriminator: Judge, x: Tensor, y: Any = None) -> tuple[Tensor, Tensor]:
    """Return D(x, y), (N,), and its gradient at each sample, shaped as ``x``, both differentiable.

    Computed in single precision at least, without autocast, from a leaf that carries no gradient
    to the generator. Of a module `forward` is called, which `nn.Module.compile` does not replace:
    compiled graphs have no second derivative, and the parameters are the same ones.
    """
    judge: Judge = discriminator.forward if isinstance(discriminator, nn.Module) else discriminator
    leaf = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_()
    with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
        logits = judge(leaf, y)
        # Samples do not mix, so the gradient of the sum holds every sample's own.
        (gradient,) = torch.autograd.grad(logits.sum(), leaf, create_graph=True)
    return logits, gradient


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
