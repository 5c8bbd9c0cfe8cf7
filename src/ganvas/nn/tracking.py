"""Layers whose buffers follow what they see in training: running statistics, power iteration."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

from torch import Tensor, nn


class Tracking(nn.Module):
    """A layer with buffers that training moves.

    The buffers change only in a forward pass made in training mode while ``tracking`` is on, so
    that a game decides in which turns a network's state may follow the data. Evaluation and
    frozen passes never change them.
    """

    tracking: bool = True

    @property
    def updates(self) -> bool:
        """Whether the next forward pass may change the buffers."""
        return self.training and self.tracking


def averaged_buffers(network: nn.Module) -> list[Tensor]:
    """Return the buffers inside ``network`` of which a moving average of it has averages, too.

    A layer names them in a class attribute ``averages``; all other buffers are copied.
    """
    return [
        layer.get_buffer(name)
        for layer in network.modules()
        for name in cast(tuple[str, ...], getattr(layer, "averages", ()))
    ]


def set_tracking(module: nn.Module, on: bool) -> None:
    """Let every tracking layer inside ``module`` follow what it sees, or hold its buffers."""
    for layer in module.modules():
        if isinstance(layer, Tracking):
            layer.tracking = on


@contextmanager
def held(module: nn.Module) -> Generator[None]:
    """Hold the buffers of every tracking layer inside ``module`` for the length of a block."""
    layers = [layer for layer in module.modules() if isinstance(layer, Tracking)]
    before = [layer.tracking for layer in layers]
    set_tracking(module, False)
    try:
        yield
    finally:
        for layer, tracking in zip(layers, before, strict=True):
            layer.tracking = tracking
