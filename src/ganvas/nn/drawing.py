"""Random numbers inside networks: layers that draw, and where they draw from.

A layer that draws is plain: by itself it asks torch's own generator. Whoever calls the network may
say otherwise: in training its player binds it to the noise of the run (`bind`), so that masks are
drawn for the whole batch, shared out to processes and found again by a resumed run; in sampling
each call lends it draws of the samples' seed (`drawing`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganvas.errors import UsageError


class Draws(Protocol):
    """A source of random numbers whose first dimension counts samples, such as the loop's noise."""

    def normal(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) standard normal numbers."""
        ...

    def uniform(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) numbers uniform on [0, 1)."""
        ...


@runtime_checkable
class Shared(Draws, Protocol):
    """Draws of which each process has its slice."""

    def whole(self) -> Draws:
        """Return the same stream, of whose draws everybody has all."""
        ...


class Plain:
    """Draws from a torch generator, or from torch's own."""

    def __init__(self, generator: torch.Generator | None, device: torch.device) -> None:
        self.generator = generator
        self.device = device if generator is None else generator.device

    def normal(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) standard normal numbers."""
        return torch.randn(n, *shape, generator=self.generator, device=self.device)

    def uniform(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) numbers uniform on [0, 1)."""
        return torch.rand(n, *shape, generator=self.generator, device=self.device)


class Still:
    """One draw for all samples, and the same in every pass.

    Args:
        number: of the layer that draws; each has its own.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._kept: dict[tuple[str, tuple[int, ...]], Tensor] = {}

    def normal(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) standard normal numbers, equal rows."""
        return self._same("normal", n, shape)

    def uniform(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) numbers uniform on [0, 1), equal rows."""
        return self._same("uniform", n, shape)

    def _same(self, law: str, n: int, shape: tuple[int, ...]) -> Tensor:
        if (law, shape) not in self._kept:
            generator = torch.Generator().manual_seed(self._number)
            once: Tensor = getattr(Plain(generator, torch.device("cpu")), law)(1, *shape)
            self._kept[law, shape] = once
        return self._kept[law, shape].expand(n, *shape)


Source = Draws | torch.Generator | None
"""Where random numbers come from; None: torch's own generator."""


def draws_from(source: Source, device: torch.device) -> Draws:
    """Return the source as draws."""
    if source is None or isinstance(source, torch.Generator):
        return Plain(source, device)
    return source


class Drawing(nn.Module):
    """A layer that draws when it computes; subclasses call `normal` and `uniform`.

    What it sees must be items of one kind, in order: real samples and fakes joined in one batch
    would have each other's draws on another number of processes (`Mixing` has the same rule).

    Attributes:
        source: where from.
    """

    source: Source = None

    @property
    def draws(self) -> bool:
        """Whether it ever does."""
        return True

    def normal(self, x: Tensor, *shape: int) -> Tensor:
        """Return (len(x), *shape) standard normal numbers of the type of ``x``, beside it."""
        return _drawn(self.source, x, "normal", shape)

    def uniform(self, x: Tensor, *shape: int) -> Tensor:
        """Return (len(x), *shape) numbers uniform on [0, 1), in single precision, beside ``x``."""
        return _drawn(self.source, x, "uniform", shape)


class Dropout(Drawing):
    """Leaves out each number with probability ``p`` in training, and scales the others up.

    Args:
        p: the probability.
        maps: leave out whole maps (N, C, …), as torch's ``Dropout2d`` does.
        awake: in evaluation, too: what is drawn is then a part of what the network makes.
    """

    def __init__(self, p: float = 0.5, maps: bool = False, awake: bool = False) -> None:
        super().__init__()
        self.p = p
        self.maps = maps
        self.awake = awake

    @property
    def draws(self) -> bool:
        """Whether anything is ever left out."""
        return self.p > 0

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        if not ((self.training or self.awake) and self.p):
            return x
        shape = (*x.shape[1:2], *[1] * (x.dim() - 2)) if self.maps else x.shape[1:]
        kept = self.uniform(x, *shape) >= self.p
        return x * kept / max(1 - self.p, 1e-12)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"p={self.p}" + ", maps" * self.maps + ", awake" * self.awake


class GaussianNoise(Drawing):
    """Normal noise on what passes in training, of a standard deviation.

    Args:
        deviation: it; at 0 nothing is drawn.
    """

    def __init__(self, deviation: float = 0.1) -> None:
        super().__init__()
        self.deviation = deviation

    @property
    def draws(self) -> bool:
        """Whether there is any."""
        return self.deviation > 0

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        if not (self.training and self.deviation):
            return x
        return x + self.deviation * self.normal(x, *x.shape[1:])

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"deviation={self.deviation}"


class OvershootNoise(Drawing):
    """Noise that sets in where a discriminator takes fakes for real: x·(1 + s·√C·n), per map.

    n is standard normal, one for each sample and map; s = coefficient·max(0, d̂ − limit)², with d̂ a
    running mean of the scores of fakes, which `follow` moves. Source: Karras et al. 2018, appendix
    B, for least squares; which scores it follows is their code's.

    Args:
        coefficient, limit: as above.
        memory: share of d̂ that is kept in each step.
    """

    score: Tensor

    def __init__(self, coefficient: float = 0.2, limit: float = 0.5, memory: float = 0.9) -> None:
        super().__init__()
        self.coefficient, self.limit, self.memory = coefficient, limit, memory
        self.register_buffer("score", torch.zeros(()))

    @property
    def strength(self) -> Tensor:
        """S, 0-d."""
        return self.coefficient * (self.score - self.limit).clamp(min=0).square()

    @torch.no_grad()
    def follow(self, score: Tensor) -> None:
        """Take up a mean score of fakes, 0-d, clipped to [0, 1]."""
        self.score.lerp_(score.to(self.score).clamp(0, 1), 1 - self.memory)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (N, C, …), noisy in training."""
        if not self.training:
            return x
        noise = self.normal(x, x.shape[1], *[1] * (x.dim() - 2))
        return x * (1 + self.strength.to(x) * x.shape[1] ** 0.5 * noise)


def drawing_layers(module: nn.Module) -> list[Drawing]:
    """Return the layers inside ``module`` that draw."""
    return [layer for layer in module.modules() if isinstance(layer, Drawing)]


def bind(module: nn.Module, source: Source) -> None:
    """Let every layer inside ``module`` draw from ``source`` from now on."""
    for layer in drawing_layers(module):
        layer.source = source


def dropouts(module: nn.Module) -> list[Dropout]:
    """Return the layers inside ``module`` that leave numbers out."""
    return [layer for layer in drawing_layers(module) if isinstance(layer, Dropout) and layer.p]


@contextmanager
def awakened(module: nn.Module, awake: bool) -> Generator[None]:
    """Let dropout inside ``module`` be awake in evaluation, or asleep, for the length of a block.

    Raises:
        UsageError: there is none.
    """
    layers = dropouts(module)
    if not layers:
        raise UsageError(f"dropout={str(awake).lower()}: this model's generator has no dropout")
    before = [layer.awake for layer in layers]
    for layer in layers:
        layer.awake = awake
    try:
        yield
    finally:
        for layer, was in zip(layers, before, strict=True):
            layer.awake = was


def hold_still(module: nn.Module) -> None:
    """Let every layer inside ``module`` draw the same for all samples from now on."""
    for number, layer in enumerate(drawing_layers(module)):
        layer.source = Still(number)


@contextmanager
def drawing(module: nn.Module, source: Source) -> Generator[None]:
    """Let every layer inside ``module`` draw from ``source`` for the length of a block."""
    with _each(module, lambda _: source):
        yield


@contextmanager
def drawing_whole(module: nn.Module) -> Generator[None]:
    """Let every layer draw the same on all processes, as for a batch that all of them have."""
    with _each(module, lambda source: source.whole() if isinstance(source, Shared) else source):
        yield


@contextmanager
def _each(module: nn.Module, changed: Callable[[Source], Source]) -> Generator[None]:
    layers = drawing_layers(module)
    before = [layer.source for layer in layers]
    for layer, source in zip(layers, before, strict=True):
        layer.source = changed(source)
    try:
        yield
    finally:
        for layer, source in zip(layers, before, strict=True):
            layer.source = source


def _drawn(source: Source, x: Tensor, law: str, shape: tuple[int, ...]) -> Tensor:
    draws: Tensor = getattr(draws_from(source, x.device), law)(x.shape[0], *shape)
    return draws.to(x.device if law == "uniform" else x)
