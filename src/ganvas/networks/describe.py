"""What a network consists of, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Description:
    """Size of a network.

    Attributes:
        parameters: how many numbers are learned.
        buffers: how many others are stored.
        bytes: of both.
        parts: name and learned numbers of each direct part.
        shapes: name and shape of every parameter.
    """

    parameters: int
    buffers: int
    bytes: int
    parts: dict[str, int]
    shapes: dict[str, tuple[int, ...]]


def describe(module: nn.Module) -> Description:
    """Return parameter counts and shapes of a network; shared parameters count once."""
    parameters = dict(module.named_parameters())
    buffers = dict(module.named_buffers())
    stored = [*parameters.values(), *buffers.values()]
    return Description(
        parameters=sum(p.numel() for p in parameters.values()),
        buffers=sum(b.numel() for b in buffers.values()),
        bytes=sum(t.numel() * t.element_size() for t in stored),
        parts={
            name: sum(p.numel() for p in part.parameters())
            for name, part in module.named_children()
        },
        shapes={name: tuple(p.shape) for name, p in parameters.items()},
    )
