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
from torch.autograd.function import once_differentiable

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


def integrate_tanh(
    inner: nn.Linear, outer: nn.Linear | None, y: Tensor, steps: int, step: float
) -> Tensor:
    """Return the states of ẏ = B tanh(A y + a) + b at 0 and after each of some steps, (N, K, d).

    It is what `integrate` finds, with the same gradients, in fewer operations: with u = A y + a,
    on which alone the slope depends, u̇ = M tanh(u) + A b for M = A B, and y is what the slopes add
    up to. The way back is written out, once differentiable; the gradient of M waits for its end.

    Args:
        inner: A and a.
        outer: B and b; None: the identity and 0.
        y: the state at time 0, (N, d).
        steps: how many.
        step: how long each is.
    """
    pushed, drift = inner.weight, y.new_zeros(inner.out_features)
    if outer is not None:
        pushed, drift = inner.weight @ outer.weight, inner.weight @ outer.bias
    u = inner(y)
    mean = cast(Tensor, _Means.apply(u, pushed.T, drift, steps, step))
    moved = step * mean.cumsum(1)
    if outer is not None:
        times = step * torch.arange(1, steps + 1, dtype=y.dtype, device=y.device)
        moved = moved @ outer.weight.T + times[:, None] * outer.bias
    return torch.cat([y[:, None], y[:, None] + moved], 1)


class _Means(torch.autograd.Function):
    """Of each step of u̇ = tanh(u) M + c by the 3/8 rule, the mean of the four tanh, (N, S, H)."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, pushed: Tensor, drift: Tensor, steps: int, step: float
    ) -> Tensor:
        h, kept, means = step, list[Tensor](), list[Tensor]()
        third, whole = drift * (h / 3), drift * h
        for _ in range(steps):
            t1 = torch.tanh(u)
            t2 = torch.addmm(u + third, t1, pushed, alpha=h / 3).tanh_()
            here = u + whole
            t3 = torch.addmm(here - third, torch.add(t2, t1, alpha=-1 / 3), pushed, alpha=h).tanh_()
            t4 = torch.addmm(here, t1 - t2 + t3, pushed, alpha=h).tanh_()
            mean = torch.add((t1 + t4) / 8, t2 + t3, alpha=3 / 8)
            u = torch.addmm(here, mean, pushed, alpha=h)
            kept += [t1, t2, t3, t4]
            means.append(mean)
        found = torch.stack(means, 1)
        ctx.steps, ctx.step = steps, step
        ctx.save_for_backward(torch.stack(kept), found, pushed)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Go back stage by stage: each slope hears of those that stood on it."""
        (grad,), (kept, means, pushed) = grads, cast(tuple[Tensor, ...], ctx.saved_tensors)
        h, back, slopes = ctx.step, pushed.T, 1 - kept * kept
        after = torch.zeros_like(kept[0])  # of u at the end of a step
        felt, ends = list[Tensor](), list[Tensor]()
        for place in reversed(range(ctx.steps)):
            d1, d2, d3, d4 = slopes[4 * place : 4 * place + 4]
            ends.append(after)
            mean = torch.addmm(grad[:, place], after, back, alpha=h)
            p4 = d4 * (mean / 8)
            q4 = p4 @ back * h
            p3 = d3 * torch.add(q4, mean, alpha=3 / 8)
            q3 = p3 @ back * h
            p2 = d2 * torch.add(q3 - q4, mean, alpha=3 / 8)
            p1 = d1 * torch.add(torch.addmm(q4, p2, back, alpha=h / 3), mean, alpha=1 / 8).sub(
                q3, alpha=1 / 3
            )
            felt += [p4, p3, p2, p1]
            after = after + (p1 + p2) + (p3 + p4)
        shape = (ctx.steps, 4, *after.shape)
        stages, last = torch.stack(felt[::-1]).view(shape), torch.stack(ends[::-1])
        t = kept.view(shape)
        of_pushed = h * (
            _product(t[:, 0] / 3, stages[:, 1])
            + _product(t[:, 1] - t[:, 0] / 3, stages[:, 2])
            + _product(t[:, 0] - t[:, 1] + t[:, 2], stages[:, 3])
            + _product(means.transpose(0, 1), last)
        )
        shares = stages.sum(dim=(0, 2))
        of_drift = h * (shares[1] / 3 + shares[2] * (2 / 3) + shares[3] + last.sum(dim=(0, 1)))
        return after, of_pushed, of_drift, None, None


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Return Σ aᵀb over steps and items of (S, N, H)."""
    return a.flatten(0, 1).T @ b.flatten(0, 1)


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
