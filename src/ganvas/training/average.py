"""The moving average of the weights that inference uses."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganvas.config import value_at
from ganvas.errors import GanvasError, did_you_mean
from ganvas.nn import averaged_buffers, settled
from ganvas.play import Game
from ganvas.training.settings import Average

Averaging = Callable[[list[Tensor], list[Tensor], None], None]


class MovingAverage:
    """Exponential moving average of networks, by a half-life in images seen.

    Weights are averaged, and the buffers that layers declare (`averaged_buffers`), such as the
    statistics of batch norms. The vectors of spectral norms are those of the averaged weights; all
    other buffers are copied. With no settings the last iterate is used as it is.

    Args:
        networks: those of which inference uses the average.
        settings: how long it reaches back, if there is one.
        buffers: further ones that are averaged.
    """

    def __init__(
        self, networks: list[nn.Module], settings: Average | None, buffers: Sequence[Tensor] = ()
    ) -> None:
        self.settings = settings
        self._networks = networks if settings else []
        self._live: list[Tensor] = []
        if settings is not None:
            for network in networks:
                self._live += [*network.parameters(), *averaged_buffers(network)]
            self._live += buffers
        self.values = [tensor.detach().clone() for tensor in self._live]

    def decay(self, images: int, seen: int, progress: float) -> float:
        """Return β of an update after ``images`` more, ``seen`` in all."""
        if self.settings is None or seen <= self.settings.start * 1000:
            return 0.0
        half_life = value_at(self.settings.half_life, progress) * 1000
        if self.settings.ramp_up:
            half_life = min(half_life, seen * self.settings.ramp_up)
        return 0.5 ** (images / max(half_life, 1e-8))

    def update(self, images: int, seen: int, progress: float) -> None:
        """Move towards the live networks after a round with ``images`` more real images."""
        if self.values:
            decay = self.decay(images, seen, progress)
            average = cast(Averaging, get_ema_multi_avg_fn(decay))
            average(self.values, self._live, None)

    @contextmanager
    def applied(self) -> Generator[None]:
        """Put the averages in the networks' place for a while."""
        self._swap()
        try:
            with settled(self._networks):
                yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for i, tensor in enumerate(self._live):
            tensor.data, self.values[i] = self.values[i], tensor.data

    def state_dict(self) -> dict[str, Any]:
        """Return the averages."""
        return {"values": list(self.values)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up averages that `state_dict` gave."""
        with torch.no_grad():
            for mine, saved in zip(self.values, state["values"], strict=True):
                mine.copy_(saved)

    @classmethod
    def of(cls, game: Game, settings: Average | None) -> MovingAverage:
        """Return the average of what a game names in ``averaged``: submodules, or buffers.

        Raises:
            GanvasError: it names something else.
        """
        modules = cast(Iterable[tuple[str, nn.Module]], game.named_modules())
        networks, buffers = dict(modules), dict(game.named_buffers())
        for name in game.averaged:
            if name not in networks and name not in buffers:
                raise GanvasError(
                    f"{type(game).__name__}.averaged names '{name}', which is no submodule of the "
                    f"game and no buffer.{did_you_mean(name, [*networks, *buffers])}"
                )
        return cls(
            [networks[name] for name in game.averaged if name in networks],
            settings,
            [buffers[name] for name in game.averaged if name not in networks],
        )
