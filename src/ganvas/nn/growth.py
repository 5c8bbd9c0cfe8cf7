"""Networks that grow: all layers are there from the start, and a level says which are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn


class Growth(nn.Module):
    """How far a network has grown: a level, and the weight α of what that level brings.

    Both are buffers: checkpoints and models have them. They stay on the host wherever the network
    lies, for they decide what is computed; reading them there waits for no device.
    """

    level: Tensor
    alpha: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level", torch.zeros((), dtype=torch.long, device="cpu"))
        self.register_buffer("alpha", torch.ones((), device="cpu"))
        self._now = (0, 1.0)

    def set(self, level: int, alpha: float = 1.0) -> None:
        """Stand at a level, whose own layers have the weight ``alpha``."""
        self.level.fill_(level)
        self.alpha.fill_(alpha)
        self._now = (level, float(self.alpha))

    @property
    def now(self) -> tuple[int, float]:
        """Level and α; a compiled or exported graph is that of the state it was made in."""
        if not torch.compiler.is_compiling():
            self._now = (int(self.level), float(self.alpha))
        return self._now

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        """Stay where and as it is."""
        return self


def blend(old: Tensor, new: Tensor, alpha: float) -> Tensor:
    """Return (1 − α)·old + α·new: at α = 0 and 1 one of both, bit for bit."""
    return torch.lerp(old, new, alpha)
