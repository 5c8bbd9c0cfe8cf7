"""Solvers of differential equations on fixed grids: Runge–Kutta's 3/8 rule, and Euler–Maruyama.

A path begins at time 0. A solver's own grid does not depend on when the path is looked at: between
two of its nodes the deterministic one takes a shorter step from the node before, the stochastic one
draws a straight line. So looking more often changes nothing at the times looked at before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

Slope = Callable[[Tensor], Tensor]
"""ẏ = f(y): from states (N, …) to states (N, …). Time itself changes nothing."""

CLOSE = 1e-9
"""Times that are nearer to a node than so many steps are the node's."""


def runge_kutta(f: Slope, y: Tensor, h: float) -> Tensor:
    """Return the state a step h later, by Kutta's 3/8 rule, exact to the fourth order.

    It is what torchdiffeq calls rk4: k₁ = f(y), k₂ = f(y + h k₁/3), k₃ = f(y + h (k₂ − k₁/3)),
    k₄ = f(y + h (k₁ − k₂ + k₃)), and then y + h (k₁ + 3 k₂ + 3 k₃ + k₄)/8, in as few operations as
    there are. Backwards in time h is negative.
    """
    k1 = f(y)
    k2 = f(torch.add(y, k1, alpha=h / 3))
    k3 = f(torch.add(y, k2, alpha=h).add(k1, alpha=-h / 3))
    k4 = f(torch.add(y, k1, alpha=h).add(k2, alpha=-h).add(k3, alpha=h))
    sides, middle = k1 + k4, k2 + k3
    return torch.add(y, sides, alpha=h / 8).add(middle, alpha=3 * h / 8)


def integrate(f: Slope, y: Tensor, times: Sequence[float], step: float) -> Tensor:
    """Return the states of ẏ = f(y) at some times, (N, K, …), in the order of the times.

    Args:
        f: the slope.
        y: the state at time 0, (N, …).
        times: when to look; those before 0 are reached backwards.
        step: of the grid, whose nodes are its multiples.
    """
    found: dict[float, Tensor] = {}
    for sign in (1, -1):
        node, state = 0, y
        for time in sorted({t for t in times if t * sign >= 0}, key=abs):
            whole = math.floor(abs(time) / step + CLOSE)
            for _ in range(whole - node):
                state = runge_kutta(f, state, sign * step)
            node = whole
            rest = abs(time) - whole * step
            beyond = rest > CLOSE * step
            found[time] = runge_kutta(f, state, sign * rest) if beyond else state
    return torch.stack([found[time] for time in times], 1)


def integrate_adjoint(f: nn.Module, y: Tensor, times: Sequence[float], step: float) -> Tensor:
    """Return what `integrate` does, with gradients from the adjoint equation run backwards.

    No state in between is kept: memory does not grow with the path's length. Gradients are those of
    the equation, not of its discretisation, and differ from plain ones by the solver's error.

    Args:
        f: the slope, whose parameters have gradients, too.
        y: the state at time 0, (N, …).
        times: when to look, from 0 on, in order.
        step: of the grid.
    """
    parameters = [p for p in f.parameters() if p.requires_grad]
    return cast(Tensor, _Adjoint.apply(f, tuple(times), step, y, *parameters))


class _Adjoint(torch.autograd.Function):
    """ȧ = −aᵀ ∂f/∂y and ġ = −aᵀ ∂f/∂θ beside ẏ = f(y), from the last time back to 0."""

    @staticmethod
    def forward(
        ctx: Any, f: nn.Module, times: tuple[float, ...], step: float, y: Tensor, *weights: Tensor
    ) -> Tensor:
        with torch.no_grad():
            path = integrate(f, y, times, step)
        ctx.f, ctx.times, ctx.step = f, times, step
        ctx.save_for_backward(path, *weights)
        return path

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,), (path, *weights) = grads, ctx.saved_tensors
        shapes = [path[:, 0].shape, path[:, 0].shape, *(w.shape for w in weights)]

        def parts(flat: Tensor) -> list[Tensor]:
            lengths = [shape.numel() for shape in shapes]
            pieces = torch.split(flat, lengths)
            return [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]

        def slope(flat: Tensor) -> Tensor:
            y, a, *_ = parts(flat)
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                found = ctx.f(y)
                pulled = torch.autograd.grad(
                    found, [y, *weights], a, allow_unused=True, materialize_grads=True
                )
            return torch.cat([found.detach().flatten(), *(-pull.flatten() for pull in pulled)])

        later = [*zip(ctx.times, path.unbind(1), grad.unbind(1), strict=True)][::-1]
        a = torch.zeros_like(path[:, 0])
        slopes = [torch.zeros_like(w) for w in weights]
        for place, (time, y, seen) in enumerate(later):
            a = a + seen
            before = later[place + 1][0] if place + 1 < len(later) else 0.0
            flat = torch.cat([t.flatten() for t in (y, a, *slopes)])
            for h in _steps(time - before, ctx.step):
                flat = runge_kutta(slope, flat, -h)
            _, a, *slopes = parts(flat)
        return (None, None, None, a, *slopes)


def _steps(length: float, step: float) -> list[float]:
    """Return steps that make up a length, a shorter one last."""
    whole = math.floor(length / step + CLOSE)
    rest = length - whole * step
    return [step] * whole + ([rest] if rest > CLOSE * step else [])


def stochastic_steps(times: Sequence[float], step: float) -> int:
    """Return how many steps `euler_maruyama` takes: so many increments it needs."""
    return math.ceil(max(times) / step - CLOSE)


def euler_maruyama(
    drift: Slope,
    diffusion: Slope,
    y: Tensor,
    times: Sequence[float],
    step: float,
    normals: Tensor,
) -> Tensor:
    """Return a path of dy = μ(y) dt + σ(y) ⊙ dW (Itô) at some times from 0 on, (N, K, …).

    The last step is shorter where that hits the last time; between nodes the path is straight, as
    torchsde has it.

    Args:
        drift: μ, from states (N, …) to states (N, …).
        diffusion: σ, likewise.
        y: the state at time 0, (N, …).
        times: when to look.
        step: of the grid.
        normals: standard normal numbers (N, S, …), one for each step, S >= `stochastic_steps`.
    """
    end, count = max(times), stochastic_steps(times, step)
    nodes, states = [0.0], [y]
    for number in range(count):
        h = min(step, end - number * step)
        y = y + drift(y) * h + diffusion(y) * (math.sqrt(h) * normals[:, number])
        nodes.append(min((number + 1) * step, end))
        states.append(y)
    return torch.stack([_between(nodes, states, time) for time in times], 1)


def _between(nodes: Sequence[float], states: Sequence[Tensor], time: float) -> Tensor:
    """Return the state at a time on the straight line between the nodes around it."""
    for place, node in enumerate(nodes):
        if abs(node - time) <= CLOSE:
            return states[place]
        if node > time:
            before = nodes[place - 1]
            return torch.lerp(states[place - 1], states[place], (time - before) / (node - before))
    return states[-1]


def along(path: Tensor, times: Sequence[float]) -> Tensor:
    """Return a path (N, S, …) at times (K), of which whole ones are its own: straight in between.

    Raises:
        IndexError: a time lies beyond its ends.
    """
    found: list[Tensor] = []
    for time in times:
        place = math.floor(time + CLOSE)
        share = time - place
        here = path[:, place]
        near = share <= CLOSE
        found.append(here if near else torch.lerp(here, path[:, place + 1], share))
    return torch.stack(found, 1)
