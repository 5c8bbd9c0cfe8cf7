"""Differentiable steps of a player's real optimiser, on copies (Metz et al., 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from ganvas.config import value_at
from ganvas.errors import GanvasError
from ganvas.nn import all_reduce, world_size
from ganvas.play.optim import SGD, Adam, RMSProp
from ganvas.play.player import Player

Network = Callable[..., Any]
LossOf = Callable[[Network], Tensor]


class Lookahead:
    """A player's network some optimiser steps ahead of the live one.

    Starts from the live parameters and the optimiser's live moments; neither is changed. With
    ``second_order`` gradients flow through every step into whatever the loss depends on (the
    generator), else each step is a constant displacement.
    """

    def __init__(self, player: Player, progress: float, rate: float, second_order: bool) -> None:
        if len(player.networks) != 1:
            raise GanvasError("lookahead needs a player with one network")
        self._module = player.networks[0]
        self._settings = player.settings
        self._second_order = second_order
        self._rate = rate * player.correction
        self._progress = progress
        live = dict(self._module.named_parameters())
        self.parameters = {n: p.detach().clone().requires_grad_() for n, p in live.items()}
        self._moments = {n: _moments(player.optimiser.state.get(p, {})) for n, p in live.items()}

    def network(self, *arguments: Any, **named: Any) -> Any:
        """Call the network with the parameters as they are now."""
        return functional_call(self._module, self.parameters, arguments, named)

    def step(self, loss: LossOf) -> None:
        """Take one differentiable step on ``loss(network)``."""
        gradients = torch.autograd.grad(
            loss(self.network), list(self.parameters.values()), create_graph=self._second_order
        )
        for name, gradient in zip(list(self.parameters), _averaged(gradients), strict=True):
            moved = self.parameters[name] - self._displacement(self._moments[name], gradient)
            self.parameters[name] = moved if self._second_order else moved.detach().requires_grad_()

    def _displacement(self, moments: dict[str, Any], g: Tensor) -> Tensor:
        """What the real optimiser would subtract, as a differentiable function of ``g``."""
        settings = self._settings
        lr = value_at(settings.lr, self._progress) * self._rate
        if isinstance(settings, SGD) and not settings.weight_decay:
            momentum = value_at(settings.momentum, self._progress)
            if momentum:
                buffer = moments.get("momentum_buffer")
                g = moments["momentum_buffer"] = g if buffer is None else momentum * buffer + g
            return lr * g
        if isinstance(settings, RMSProp) and not settings.momentum:
            square = moments.get("square_avg", torch.zeros_like(g))
            square = moments["square_avg"] = torch.lerp(g * g, square, settings.alpha)
            return lr * g / (_sqrt(square) + settings.eps)
        if isinstance(settings, Adam) and not settings.weight_decay:
            beta1, beta2 = settings.beta1, value_at(settings.beta2, self._progress)
            t = moments["step"] = moments.get("step", 0) + 1
            first = moments.get("exp_avg", torch.zeros_like(g))
            second = moments.get("exp_avg_sq", torch.zeros_like(g))
            first = moments["exp_avg"] = beta1 * first + (1 - beta1) * g
            second = moments["exp_avg_sq"] = beta2 * second + (1 - beta2) * g * g
            scale = _sqrt(second / (1 - beta2**t)) + settings.eps
            return lr * (first / (1 - beta1**t)) / scale
        raise GanvasError(
            f"lookahead cannot differentiate this optimiser ({settings!r}); use adam or sgd "
            "without weight decay, or rmsprop without momentum"
        )


def _averaged(gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Average gradients over the processes, differentiably, in one flat all-reduce."""
    if world_size() == 1:
        return gradients
    flat = all_reduce(torch.cat([g.reshape(-1) for g in gradients])) / world_size()
    parts = torch.split(flat, [g.numel() for g in gradients])
    return tuple(part.view_as(g) for part, g in zip(parts, gradients, strict=True))


def _moments(state: dict[str, Any]) -> dict[str, Any]:
    """Copy an optimiser's state of one parameter; counts become plain numbers."""
    copied = {k: v.detach().clone() for k, v in state.items() if isinstance(v, Tensor)}
    if "step" in copied:
        return {**copied, "step": int(copied["step"].item())}
    return copied


def _sqrt(x: Tensor) -> Tensor:
    """Square root whose derivative at zero is zero, as for a parameter that never moved."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, torch.ones_like(x)).sqrt(), 0.0)
