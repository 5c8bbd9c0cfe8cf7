"""Networks that compute in bfloat16, between inputs and answers in single precision.

Convolutions and matrix products inside of a network round their inputs to bfloat16 and add up in
single precision (``torch.autocast``); its weights stay as they are. What is done with its answers
(losses, statistics, steps of optimisers) never sees bfloat16, for it begins after the network.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

_plainly: ContextVar[bool] = ContextVar("plainly", default=False)


def widen(x: Tensor) -> Tensor:
    """Return a tensor in single precision at least."""
    return x if x.dtype == torch.float64 else x.float()


def unrounded(x: Tensor) -> AbstractContextManager[object]:
    """Let products of a block be computed in the precision of what goes in, on the device of x."""
    return torch.autocast(x.device.type, enabled=False) if rounds(x) else _AS_IT_IS


def rounds(x: Tensor) -> bool:
    """Whether products of a block round what goes in, on the device of x (``torch.autocast``)."""
    kind = x.device.type
    return kind in _ROUNDING and torch.is_autocast_enabled(kind)


_AS_IT_IS = nullcontext()
_KINDS = ("cpu", "cuda", "mps", "xpu", "hpu", "mtia")
_ROUNDING = frozenset(
    filter(torch.amp.is_autocast_available, _KINDS)
)  # compiled, none can be asked


def as_called(network: nn.Module | None, x: Tensor) -> AbstractContextManager[object]:
    """Let products of a block be computed as a network's are where it is called as a whole.

    For blocks that call its parts, or ``forward`` itself. Without a network, or where it does not
    round, they are `unrounded`.
    """
    if isinstance(network, _Rounding) and not _plainly.get():
        return _autocast(network)
    return unrounded(x)


@contextmanager
def exactly() -> Generator[None]:
    """Let networks compute in the precision of their weights, for a block."""
    before = _plainly.set(True)
    try:
        yield
    finally:
        _plainly.reset(before)


def round_inside(network: nn.Module, on: bool = True) -> None:
    """Let a network compute in bfloat16 wherever it is called as a whole; or no longer.

    Its class becomes one that differs in nothing else, as with torch's parametrisations. Calls of
    ``forward`` itself, and of parts of the network, are not rounded.
    """
    kind = type(network)
    if on and not issubclass(kind, _Rounding):
        network.__class__ = _rounding(kind)
    elif not on and issubclass(kind, _Rounding):
        network.__class__ = cast(type[nn.Module], kind.__bases__[1])


class _Rounding:
    """What such a class has before that of the network."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        call = cast(Any, super()).__call__
        if _plainly.get():
            return call(*arguments, **named)
        with _autocast(self):
            answer = call(*arguments, **named)
        return tree_map_only(Tensor, _unless_whole, answer)


def _autocast(network: _Rounding) -> torch.autocast:
    weight = next(cast(nn.Module, network).parameters(), None)
    kind = "cpu" if weight is None else weight.device.type
    # Without a cache: it would outlive steps of the optimiser in whatever block this is in.
    return torch.autocast(kind, torch.bfloat16, cache_enabled=False)


def _unless_whole(x: Tensor) -> Tensor:
    return widen(x) if x.is_floating_point() else x


@cache
def _rounding(kind: type[nn.Module]) -> type[nn.Module]:
    return type(kind.__name__, (_Rounding, kind), {"__doc__": kind.__doc__})
