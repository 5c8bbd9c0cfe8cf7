"""Any training in double precision, without its knowing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class DoublePrecision(TorchFunctionMode):
    """Gives double precision wherever torch is asked for single, and to all that enters it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        func = torch.Tensor.double if func is torch.Tensor.float else func
        plain = (torch.float64 if value is torch.float32 else value for value in args)
        named = {k: torch.float64 if v is torch.float32 else v for k, v in (kwargs or {}).items()}
        return doubled(func(*plain, **named))


def doubled(value: Any) -> Any:
    """Return a tensor, or several, in double precision if they are in single."""
    if isinstance(value, Tensor):
        return value.double() if value.dtype == torch.float32 else value
    if isinstance(value, tuple | list) and any(isinstance(part, Tensor) for part in value):
        parts = [doubled(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


@contextmanager
def precision(double: bool) -> Generator[None]:
    """Draw, build and compute in double precision, if so asked."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64 if double else torch.float32)
    try:
        with DoublePrecision() if double else nullcontext():
            yield
    finally:
        torch.set_default_dtype(before)
