"""Optimiser settings: what a recipe says, and how it becomes a `torch.optim` object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ganvas.config import Decay, Rate, Settings, value_at

Group = dict[str, Any]


class Adam(Settings):
    """Adam (Kingma & Ba, 2015), fused.

    Attributes:
        weight_decay: decoupled (Loshchilov & Hutter 2019).
        l2: λ of λθ in the gradient, before the moments: what older codes call weight decay.
    """

    sparse: ClassVar[bool] = False
    kind: Literal["adam"] = "adam"
    lr: Rate = 2e-4
    beta1: float = Field(default=0.0, ge=0, lt=1)
    beta2: Decay = 0.99
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    l2: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _decays_once(self) -> Adam:
        if self.l2 and self.weight_decay:
            raise ValueError("weight_decay and l2 are two ways to the same: give one of them")
        return self

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser of ``parameters``, with its state yet empty."""
        if self.l2:
            return torch.optim.Adam(parameters, eps=self.eps, weight_decay=self.l2, fused=True)
        return torch.optim.AdamW(
            parameters, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )

    def apply(self, group: Group, progress: float, rate: float, correction: float) -> None:
        """Set the group's rate and betas for this step.

        ``rate`` multiplies the learning rate (halved by a roll-back); ``correction`` is
        c = k/(k+1) for a lazily regularised player (StyleGAN2, appendix B), else 1.
        """
        group["lr"] = value_at(self.lr, progress) * rate * correction
        beta2 = value_at(self.beta2, progress)
        group["betas"] = (self.beta1**correction, beta2**correction)


class RMSProp(Settings):
    """RMSProp; PyTorch's constants unless given."""

    sparse: ClassVar[bool] = False
    kind: Literal["rmsprop"] = "rmsprop"
    lr: Rate = 5e-5
    alpha: float = Field(default=0.99, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser of ``parameters``, with its state yet empty."""
        return torch.optim.RMSprop(parameters, eps=self.eps, momentum=self.momentum, foreach=True)

    def apply(self, group: Group, progress: float, rate: float, correction: float) -> None:
        """Set the group's rate and smoothing for this step (see `Adam.apply`)."""
        group["lr"] = value_at(self.lr, progress) * rate * correction
        group["alpha"] = self.alpha**correction


class SGD(Settings):
    """Stochastic gradient descent with optional momentum."""

    sparse: ClassVar[bool] = False
    kind: Literal["sgd"] = "sgd"
    lr: Rate = 0.01
    momentum: Decay = 0.0
    weight_decay: float = Field(default=0.0, ge=0)

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser of ``parameters``, with its state yet empty."""
        return torch.optim.SGD(parameters, lr=0.0, weight_decay=self.weight_decay, fused=True)

    def apply(self, group: Group, progress: float, rate: float, correction: float) -> None:
        """Set the group's rate and momentum for this step (see `Adam.apply`)."""
        group["lr"] = value_at(self.lr, progress) * rate * correction
        group["momentum"] = value_at(self.momentum, progress) ** correction


class RowAdam(Settings):
    """Adam on the rows of an embedding table that the batch touched, and on no others."""

    sparse: ClassVar[bool] = True
    kind: Literal["row_adam"] = "row_adam"
    lr: Rate = 1e-3
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: Decay = 0.999
    eps: float = Field(default=1e-8, gt=0)

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser of ``parameters``, tables made with sparse gradients."""
        return torch.optim.SparseAdam(list(parameters), eps=self.eps)

    def apply(self, group: Group, progress: float, rate: float, correction: float) -> None:
        """Set the group's rate and betas for this step (see `Adam.apply`)."""
        group["lr"] = value_at(self.lr, progress) * rate * correction
        beta2 = value_at(self.beta2, progress)
        group["betas"] = (self.beta1**correction, beta2**correction)


OptimiserConfig = Annotated[Adam | RMSProp | SGD | RowAdam, Field(discriminator="kind")]


def supports_device_skip(optimiser: torch.optim.Optimizer) -> bool:
    """Whether ``optimiser`` can be told by a device-side flag to leave everything as it is."""
    return bool(getattr(optimiser, "_step_supports_amp_scaling", False))
