"""The moving average of the weights that inference uses."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganvas.config import value_at
from ganvas.nn import settled
from ganvas.training.settings import Average

Averaging = Callable[[list[Tensor], list[Tensor], None], None]


class MovingAverage:
    """Exponential moving average of networks, by a half-life in images seen.

    Weights and batch-norm statistics (buffers ``running_*``) are averaged. The vectors of spectral
    norms are those of the averaged weights; other buffers are taken as they are. With no settings
    the last iterate is used as it is.
    """

    def __init__(self, networks: list[nn.Module], settings: Average | None) -> None:
        self.settings = settings
        self._networks = networks if settings else []
        self._live: list[Tensor] = []
        if settings is not None:
            for network in networks:
                self._live += list(network.parameters())
                self._live += [b for n, b in network.named_buffers() if _is_running(n, b)]
        self.values = [tensor.detach().clone() for tensor in self._live]

    def decay(self, images: int, seen: int, progress: float) -> float:
        """Return β of an update after ``images`` more, ``seen`` in all."""
        if self.settings is None:
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


def _is_running(name: str, buffer: Tensor) -> bool:
    return name.rpartition(".")[2].startswith("running_") and buffer.is_floating_point()
