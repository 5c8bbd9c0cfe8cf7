"""Differentiable steps of a player's real optimiser, on copies (Metz et al., 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ganvas.errors import GanvasError
from ganvas.nn import all_reduce, held, world_size
from ganvas.play.optim import SGD, Adam, Group, RMSProp
from ganvas.play.player import Player

Network = Callable[..., Any]
LossOf = Callable[[Network], Tensor]
Projection = Callable[[Tensor], Tensor]


class Lookahead:
    """A player's network some optimiser steps ahead of the live one.

    Starts from the live parameters and the optimiser's live moments; neither is changed. With
    ``second_order`` gradients flow through every step into whatever the loss depends on (the
    generator), else each step is a constant displacement. All parameters lie in one vector, so a
    step's arithmetic is a handful of operations whatever the network's depth. ``onto`` maps that
    vector to where the game puts it after each step, if anywhere. What the player's own terms cost
    is part of every step; what they remember, such as the mean of past weights, stays as it is.
    """

    def __init__(
        self,
        player: Player,
        progress: float,
        rate: float,
        second_order: bool,
        onto: Projection | None = None,
    ) -> None:
        if len(player.networks) != 1:
            raise GanvasError("lookahead needs a player with one network")
        self._module = player.networks[0]
        self._settings = player.settings
        self._second_order = second_order
        self._onto = onto
        self._group: Group = {}  # what the optimiser would be told before each of these steps
        self._settings.apply(self._group, progress, rate, player.correction)
        self._costs = _Costs(player, progress) if player.terms else None
        live = dict(self._module.named_parameters())
        self._shapes = {name: p.shape for name, p in live.items()}
        self._sizes = [p.numel() for p in live.values()]
        self._weights = _flat(list(live.values())).requires_grad_()
        self._moves = _moving(player, list(live.values()))
        self._moments = _moments([player.optimiser.state.get(p, {}) for p in live.values()])

    def network(self, *arguments: Any, **named: Any) -> Any:
        """Call the network with the parameters as they are now."""
        return functional_call(self._module, self._parameters(), arguments, named)

    def step(self, loss: LossOf) -> None:
        """Take one differentiable step on ``loss(network)`` and the player's own terms."""
        total = loss(self.network)
        if self._costs is not None:
            placed = {f"network.{name}": part for name, part in self._parameters().items()}
            with held(self._costs):
                total = total + functional_call(self._costs, placed, ())
        (gradient,) = torch.autograd.grad(total, self._weights, create_graph=self._second_order)
        by = self._displacement(self._moments, _averaged(gradient))
        moved = self._weights - (by if self._moves is None else by * self._moves)
        moved = moved if self._onto is None else self._onto(moved)
        self._weights = moved if self._second_order else moved.detach().requires_grad_()

    def _parameters(self) -> dict[str, Tensor]:
        parts: tuple[Tensor, ...] = torch.split(self._weights, self._sizes)
        shaped = zip(self._shapes.items(), parts, strict=True)
        return {name: part.view(shape) for (name, shape), part in shaped}

    def _displacement(self, moments: dict[str, Any], g: Tensor) -> Tensor:
        """What the real optimiser would subtract, as a differentiable function of ``g``."""
        settings, group = self._settings, self._group
        lr = group["lr"]
        if isinstance(settings, SGD) and not settings.weight_decay:
            if momentum := group["momentum"]:
                buffer = moments.get("momentum_buffer")
                g = moments["momentum_buffer"] = g if buffer is None else momentum * buffer + g
            return lr * g
        if isinstance(settings, RMSProp) and not settings.momentum:
            square = moments.get("square_avg", torch.zeros_like(g))
            square = moments["square_avg"] = torch.lerp(g * g, square, group["alpha"])
            return lr * g / (_sqrt(square) + settings.eps)
        if isinstance(settings, Adam) and not settings.weight_decay:
            beta1, beta2 = group["betas"]
            t = moments["step"] = moments.get("step", 0) + 1
            first = moments.get("exp_avg", torch.zeros_like(g))
            second = moments.get("exp_avg_sq", torch.zeros_like(g))
            first = moments["exp_avg"] = torch.lerp(g, first, beta1)
            second = moments["exp_avg_sq"] = torch.lerp(g * g, second, beta2)
            scale = _sqrt(second / (1 - beta2**t)) + settings.eps
            return (lr / (1 - beta1**t)) * first / scale
        raise GanvasError(
            f"lookahead cannot differentiate this optimiser ({settings!r}); use adam or sgd "
            "without weight decay, or rmsprop without momentum"
        )


class _Costs(nn.Module):
    """What a player's terms cost, of the parameters that stand in its network."""

    def __init__(self, player: Player, progress: float) -> None:
        super().__init__()
        self.network = player.networks[0]
        self.terms = list(player.terms.values())
        self.kept = nn.ModuleList(term for term in self.terms if isinstance(term, nn.Module))
        self.progress = progress

    def forward(self) -> Tensor:
        """Return the sum, a 0-d tensor."""
        parameters = list(self.network.parameters())
        return torch.stack([term(parameters, self.progress) for term in self.terms]).sum()


def _moving(player: Player, parameters: list[nn.Parameter]) -> Tensor | None:
    """Return 1 for each number of parameters that moves, and 0 of those at rest; None: all move."""
    if not any(player.rests(p) for p in parameters):
        return None
    return _flat([torch.full_like(p, float(not player.rests(p))) for p in parameters])


def _averaged(gradient: Tensor) -> Tensor:
    """Average a flat gradient over the processes, differentiably, in one all-reduce."""
    return gradient if world_size() == 1 else all_reduce(gradient) / world_size()


def _flat(tensors: list[Any]) -> Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def _moments(states: list[dict[str, Any]]) -> dict[str, Any]:
    """Copy an optimiser's moments, each kind as one vector; the count becomes a plain number."""
    if not all(states):
        return {}
    kept = {key: value for key, value in states[0].items() if isinstance(value, Tensor)}
    moments: dict[str, Any] = {
        key: _flat([state[key] for state in states]) for key in kept if key != "step"
    }
    return {**moments, "step": int(kept["step"].item())} if "step" in kept else moments


def _sqrt(x: Tensor) -> Tensor:
    """Square root whose derivative at zero is zero, as for a parameter that never moved."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1.0).sqrt(), 0.0)
