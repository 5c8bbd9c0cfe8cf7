"""Differential equations in place of recurrence (Gordon & Parde 2020): ode, ode2, ode3 and sde.

Frame k of a clip of training is the state at time k/(T − 1). Right-hand sides do not know the
time. Labels of the released scripts for the third order and for the stochastic equation are
swapped; here they are what they say.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.data.domain import Size
from ganvas.networks.temporal import Temporal, TemporalSettings, Times, refuse_given
from ganvas.nn import (
    euler_maruyama,
    initialise,
    integrate,
    integrate_adjoint,
    integrate_tanh,
    stochastic_steps,
    unrounded,
    widen,
)

SQRT2 = 2**0.5


class _Equation(TemporalSettings):
    """What all equations can be told.

    Attributes:
        before: widths of hidden layers between start and initial value, each with a leaky ReLU, and
            one more after the last layer; empty: nothing lies between.
        rhs: the right-hand side: one layer and tanh ("layer"); two layers with tanh between
            ("two-layers"); or that of a gated unit, which is no part of the paper ("gru").
        hidden: width between two layers; None: as wide as the state.
    """

    before: tuple[PositiveInt, ...] = ()
    rhs: Literal["layer", "two-layers", "gru"] = "layer"
    hidden: PositiveInt | None = None

    def build(
        self, start: Size, shape: Size, frames: int, given: int = 0, from_start: bool = False
    ) -> Equation:
        """Return the network.

        Raises:
            UsageError: categories have no place in it.
        """
        refuse_given(given, self.kind)
        return self.network(start, shape, frames)

    @abstractmethod
    def network(self, start: Size, shape: Size, frames: int) -> Equation:
        """Return the network."""

    def right_hand_side(self, shape: Size, inputs: int = 1) -> nn.Module:
        """Return f of a state of a shape, or of so many of them side by side."""
        width = shape[0]
        if len(shape) > 1:  # maps: no tanh, as published; unbounded
            return nn.Sequential(_conv(inputs * width, width), nn.LeakyReLU(0.2))
        match self.rhs:
            case "layer":
                layers = [nn.Linear(inputs * width, width), nn.Tanh()]
            case "two-layers":
                hidden = self.hidden or width
                first, last = nn.Linear(inputs * width, hidden), nn.Linear(hidden, width)
                layers = [first, nn.Tanh(), last]
            case "gru":
                return Gated(inputs * width, width)
        return nn.Sequential(*layers)

    def initial(self, start: Size, shape: Size) -> nn.Module:
        """Return what leads from a start to the initial value."""
        if not self.before:
            return nn.Identity() if start == shape else nn.Linear(start[0], shape[0])
        layers: list[nn.Module] = []
        width = start[0]
        for wide in (*self.before, shape[0]):
            layers += [nn.Linear(width, wide), nn.LeakyReLU(0.2)]
            width = wide
        return nn.Sequential(*layers)


class _Ordinary(_Equation):
    """What ordinary equations can be told.

    Attributes:
        rhs_input: what f sees of (z, ż, …): the highest derivative that is kept, as the code has
            it ("highest"); z, as the text suggests ("position"); or all of them ("full").
        adjoint: gradients by the adjoint equation, in place of those through the solver.
        substeps: steps of the solver from a frame to the next.
    """

    rhs_input: Literal["highest", "position", "full"] = "highest"
    adjoint: bool = False
    substeps: PositiveInt = 1

    @property
    @abstractmethod
    def order(self) -> int:
        """Of the equation."""

    def network(self, start: Size, shape: Size, frames: int) -> Ordinary:
        """Return the network."""
        return Ordinary(self, start, shape, frames, self.order)


class ODE(_Ordinary):
    """Settings of ż = f(z)."""

    kind: Literal["ode"] = "ode"

    @property
    def order(self) -> int:
        """1."""
        return 1


class ODE2(_Ordinary):
    """Settings of an equation of the second order: v̇ = f, ż = v."""

    kind: Literal["ode2"] = "ode2"

    @property
    def order(self) -> int:
        """2."""
        return 2


class ODE3(_Ordinary):
    """Settings of an equation of the third order."""

    kind: Literal["ode3"] = "ode3"

    @property
    def order(self) -> int:
        """3."""
        return 3


class SDE(_Equation):
    """Settings of dz = μ(z) dt + σ(z) ⊙ dW (Itô, diagonal noise).

    Attributes:
        step: dt, where a clip of training is 1 long.
    """

    kind: Literal["sde"] = "sde"
    step: float = Field(default=0.025, gt=0, le=1)

    def network(self, start: Size, shape: Size, frames: int) -> Stochastic:
        """Return the network."""
        return Stochastic(self, start, shape, frames)


class Equation(Temporal):
    """What both kinds of equations share: the way from a start to the initial value.

    Paths are never rounded: with slopes of 8 bits they would not lead back to where they began, nor
    agree on shared times with paths that are looked at more often.

    Attributes:
        initial: gives it.
    """

    def __init__(self, config: _Equation, start: Size, shape: Size, frames: int) -> None:
        super().__init__(frames)
        self.kind = config.kind
        self.start, self.shape = start, shape
        self.initial = config.initial(start, shape)

    def clock(self, times: Times) -> list[float]:
        """Return times in lengths of a clip of training."""
        return [time / max(self.frames - 1, 1) for time in times]


class Gated(nn.Module):
    """ż = (1 − u) ⊙ (n − z), a gated recurrent unit's step made continuous (an addition of ours).

    u = σ(W_u z + b), r = σ(W_r z + b), n = tanh(W_n (r ⊙ z) + b): |z| ≤ max(1, |z(0)|), each number
    alone.

    Args:
        inputs: how many numbers it sees, z first.
        width: of z.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.update = nn.Linear(inputs, width)
        self.reset = nn.Linear(inputs, inputs)
        self.towards = nn.Linear(inputs, width)
        self.width = width

    def forward(self, seen: Tensor) -> Tensor:
        """Return the slope (N, width)."""
        towards = torch.tanh(self.towards(torch.sigmoid(self.reset(seen)) * seen))
        return (1 - torch.sigmoid(self.update(seen))) * (towards - seen[:, : self.width])


class System(nn.Module):
    """(s_0, …, s_{n−1}) ↦ (f, s_0, …, s_{n−2}): one equation of order n as n of the first.

    s_{n−1} is the position, s_{n−2} the velocity, …; states are (N, n, *shape).

    Args:
        f: the right-hand side.
        sees: what it sees of the states.
    """

    def __init__(self, f: nn.Module, sees: str) -> None:
        super().__init__()
        self.f = f
        self.sees = sees

    def forward(self, states: Tensor) -> Tensor:
        """Return the slopes of states (N, n, *shape)."""
        match self.sees:
            case "highest":
                seen = states[:, 0]
            case "position":
                seen = states[:, -1]
            case _:
                seen = states.flip(1).flatten(1, 2)  # z, ż, …
        return torch.cat([self.f(seen)[:, None], states[:, :-1]], 1)


class Ordinary(Equation):
    """Start → initial values of z and its derivatives → Runge–Kutta → z at the times.

    Of a first order the state is z itself; of order n each initial value has a linear encoder.
    """

    backwards: ClassVar[bool] = True

    def __init__(
        self, config: _Ordinary, start: Size, shape: Size, frames: int, order: int
    ) -> None:
        super().__init__(config, start, shape, frames)
        self.order, self.adjoint, self.substeps = order, config.adjoint, config.substeps
        seen = order if config.rhs_input == "full" else 1
        self.system = System(config.right_hand_side(shape, seen), config.rhs_input)
        encoders = [_encoder(shape) for _ in range(order)] if order > 1 else [nn.Identity()]
        self.encoders = nn.ModuleList(encoders)
        initialise(self, "glorot", SQRT2)

    def states(self, start: Tensor, times: Times) -> Tensor:
        """Return all states at the times, (N, K, n, *shape), the position last."""
        self.check(times)
        step = 1 / (max(self.frames - 1, 1) * self.substeps)
        solve = integrate_adjoint if self.adjoint and self._learning else integrate
        with unrounded(start):
            first = self.initial(widen(start))
            if (layers := self._quick(times)) is not None:
                path = integrate_tanh(*layers, first, (len(times) - 1) * self.substeps, step)
                return path[:, :: self.substeps, None]
            if self.order == 1:  # one state, which is all that f could see
                return solve(self.system.f, first, self.clock(times), step)[:, :, None]
            y = torch.stack([encoder(first) for encoder in self.encoders], 1)
            return solve(self.system, y, self.clock(times), step)

    @property
    def _learning(self) -> bool:
        """Whether ways back that are written out pay; Jacobians forward cannot pass them."""
        return self.training and torch.is_grad_enabled()

    def _quick(self, times: Times) -> tuple[nn.Linear, nn.Linear | None] | None:
        """Return the layers around the tanh if the path can be followed in fewer operations.

        So it is in training, of slopes with one tanh, at frames one after the other.
        """
        if self.order > 1 or self.adjoint or not self._learning:
            return None
        if len(times) < 2 or any(time != k for k, time in enumerate(times)):
            return None
        match [*self.system.f.children()]:
            case [nn.Linear() as inner, nn.Tanh()]:
                return inner, None
            case [nn.Linear() as inner, nn.Tanh(), nn.Linear() as outer]:
                return inner, outer
            case _:
                return None

    def forward(
        self, start: Tensor, fresh: Tensor, times: Times, given: Tensor | None = None
    ) -> Tensor:
        """Return positions at the times, (N, K, *shape)."""
        return self.states(start, times)[:, :, -1]

    def velocities(self, start: Tensor, times: Times) -> Tensor:
        """Return ż at the times, (N, K, *shape), in latent units for the length of a clip."""
        states = self.states(start, times)
        if self.order > 1:
            return states[:, :, -2]
        return self.system(states.flatten(0, 1))[:, 0].unflatten(0, states.shape[:2])


class Stochastic(Equation):
    """Start → initial value → Euler–Maruyama along fresh increments → z at the times."""

    def __init__(self, config: SDE, start: Size, shape: Size, frames: int) -> None:
        super().__init__(config, start, shape, frames)
        self.fresh, self.step = shape, config.step
        self.drift = config.right_hand_side(shape)
        self.diffusion = config.right_hand_side(shape)
        initialise(self, "glorot", SQRT2)

    def steps(self, times: Times) -> int:
        """Return how many increments lie on the way."""
        return stochastic_steps(self.clock(times), self.step)

    def forward(
        self, start: Tensor, fresh: Tensor, times: Times, given: Tensor | None = None
    ) -> Tensor:
        """Return the path at the times, (N, K, *shape)."""
        self.check(times)
        with unrounded(start):
            y, drift, diffusion = self.initial(widen(start)), self.drift, self.diffusion
            return euler_maruyama(drift, diffusion, y, self.clock(times), self.step, widen(fresh))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, 1, 1)


def _encoder(shape: Size) -> nn.Module:
    return nn.Linear(shape[0], shape[0]) if len(shape) == 1 else _conv(shape[0], shape[0])
